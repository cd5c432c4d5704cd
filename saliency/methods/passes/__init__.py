"""One forward pass of an untouched model, and the gradients that are read from it."""
