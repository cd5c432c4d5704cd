"""The report: one folder that opens in any browser and shows the audit and the pictures that it rests on."""
