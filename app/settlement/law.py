"""The law that a settlement was computed under: the pack of a digest, in use now or kept as texts with it."""

from collections.abc import Iterable
from datetime import date

from app.database.engine import HotConnection
from app.service.caller import Service
from app.settlement import store
from app.settlement.person_year import PolicyOf
from app.tiers.load import load_kept
from app.tiers.pack import Pack
from app.tiers.policy import Policy, PolicyBook


async def policies_of(service: Service, connection: HotConnection, digests: Iterable[str]) -> PolicyOf:
    """The policies of the packs in use and of these digests, by digest and day. Nothing is read twice in a process."""
    books: dict[str, tuple[PolicyBook, str]] = {}
    for pack in service.book.packs.values():
        books[pack.digest] = (service.book, pack.name)
    for digest in set(digests) - books.keys():
        if digest not in service.former_books:
            service.former_books[digest] = await _kept(connection, digest)
        books[digest] = service.former_books[digest]

    def policy_of(digest: str, day: date) -> Policy:
        book, name = books[digest]
        return book.policy(name, day)

    return policy_of


async def _kept(connection: HotConnection, digest: str) -> tuple[PolicyBook, str]:
    name, texts = await store.policy_texts(connection, digest)
    book = load_kept(texts)
    pack: Pack = book.packs[name]
    if pack.digest != digest:
        raise ValueError(f"the kept texts of pack {name} don't have the digest that they are kept under")
    return book, name
