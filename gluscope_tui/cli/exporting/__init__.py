"""What `gluscope export` does, a module for each kind of export."""
