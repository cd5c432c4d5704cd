"""What can go wrong with a picture before a network sees it."""
