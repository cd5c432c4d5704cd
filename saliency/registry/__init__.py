"""How one new file becomes known: objects that describe themselves, found in the folder in which they lie."""
