"""Studies: arms that differ in what a question names, trained at equal cost over several seeds, and compared."""
