"""The checks of `gluscope doctor`, a module for each subject. They change nothing."""
