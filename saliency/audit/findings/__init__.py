"""What an audit found, in words: one file for each kind of finding."""
