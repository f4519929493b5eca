"""The web pages of finance officers: the API's services and read models, shown. No rule of money is decided here."""
