"""What is known of a sample's file, beside what it shows: one file for each group of facts."""
