"""`python -m sciencegen` is the command `sciencegen`."""

from sciencegen.cli.entry import main

if __name__ == "__main__":
    main()
