"""What things cost, as ratios within one run: absolute times say more about a machine than about the code."""
