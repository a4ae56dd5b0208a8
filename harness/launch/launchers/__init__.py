"""The launchers: a module here and a file in configs/launcher/ each, of the same name. `LAUNCHER` is the class. They import no torch."""
