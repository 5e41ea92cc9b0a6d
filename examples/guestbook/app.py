"""The application: `uncork serve`, `flask serve`, `flask run` and `python app.py` find it here."""

import uncork
from guestbook import create_app

app = create_app()

if __name__ == "__main__":
    uncork.run(app)
