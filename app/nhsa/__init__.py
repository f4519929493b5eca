"""The national interface (定点医药机构接口): a second door to the same functions."""
