"""What `npdeep` runs in a terminal: thin commands that call only what a script could call."""
