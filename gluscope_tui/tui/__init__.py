"""The terminal explorer: an app, its screens and widgets, and the pure rules behind them."""
