"""The cloud's state as the wiring needs it. Only this package of the wiring reads the properties of AWS resources."""
