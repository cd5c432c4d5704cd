"""The formats in which samples can lie: one reader in one file each."""
