"""The interface between the explorer and its terminal: typed bytes, signals, crashes, the pager, the clipboard."""
