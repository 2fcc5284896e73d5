"""What `gluscope doctor` looks at: findings with what improves them. A module a subject; nothing is changed."""
