"""The command line. It orders and reports the work of the engine, pyinfra and the lab, and adds no function to them."""
