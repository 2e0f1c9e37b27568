"""Programs that judge the product: oracles, simulations and comparisons, written apart from what they judge."""
