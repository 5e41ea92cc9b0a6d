"""The application: `uncork dev` and `serve`, `flask run` and `python app.py` find it here."""

from guestbook import create_app

import uncork

app = create_app()

if __name__ == "__main__":
    uncork.run(app)
