"""From the files of a sample to the array that a network sees."""
