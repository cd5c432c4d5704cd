"""What can be given from one picture to another, or taken away from it, one file each."""
