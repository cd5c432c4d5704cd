"""Networks and data of the demos."""
