"""How options and the fields of YAML files are declared, read, checked and explained. Imports neither torch nor Hydra."""
