"""What lies between the explorer and its terminal: what is typed, signals, crashes, the pager, the clipboard."""
