"""``python -m tests.web.serve`` runs the server of ``served.py``."""

from digitmill.programs import loading

if __name__ == "__main__":
    with loading():
        from tests.web.served import main
    main()
