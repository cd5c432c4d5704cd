"""What gives the answer away without a look at the object: facts of the files, and pictures that come twice."""
