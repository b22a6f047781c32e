"""`python -m pyvtl` is `pyvtl`."""

from pyvtl.cli.main import main

if __name__ == "__main__":
    main()
