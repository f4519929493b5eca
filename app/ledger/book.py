"""Reading the ledger: trial balance, the history of an account, the chart of accounts. From
what was posted (``rollup.py``)."""

from datetime import date
from typing import Annotated, Final

from msgspec import Meta, Struct
from sqlalchemy import RowMapping, text

from app.basics.days import shanghai_day, shown_instant
from app.basics.errors import NotFound
from app.basics.ids import SETTLEMENT, shown_id
from app.basics.money import yuan
from app.ledger.rollup import POSTED, span
from app.service import clock
from app.service.caller import Caller, Service
from app.service.columns import ListColumn, columns_of
from app.service.http import open_request
from app.service.lists import Asked, DeclaredList, Filters, Page, page_of
from app.service.security import OFFICE_READERS
from app.service.wire import Day

MAX_ACCOUNTS: Final = 10_000
MAX_PATH: Final = 200

# Whose account it is stands in its path; transfers of it may be hidden all the same.
_REACHED: Final = """
reaches(CASE WHEN a.party LIKE 'hospital:%' THEN substr(a.party, 10) END, substr(split_part(a.path, '/', 1), 6), NULL)
AND reaches_fund(substr(split_part(a.path, '/', 2), 6))"""
_BALANCES: Final = text(f"""
WITH moved AS MATERIALIZED (
  SELECT debit_account, credit_account, sum(amount) AS amount FROM {POSTED} p
   WHERE (CAST(:area_code AS text) IS NULL OR area_code = :area_code)
     AND (CAST(:fund AS text) IS NULL OR fund = :fund)
   GROUP BY 1, 2)
SELECT a.path, sum(s.debit)::bigint AS debit, sum(s.credit)::bigint AS credit,
       sum(sum(s.debit)) OVER ()::bigint AS total_debit, sum(sum(s.credit)) OVER ()::bigint AS total_credit,
       count(*) OVER () AS accounts
  FROM moved m, LATERAL (VALUES (m.debit_account, m.amount, 0), (m.credit_account, 0, m.amount)) s(account_id, debit,
    credit)
  JOIN account a USING (account_id)
 GROUP BY a.path ORDER BY a.path LIMIT :most""")
# The sums say which months a page is in, and the balance before them. The path names area, fund and hospital, by which
# an index finds the account's transfers of these months.
_ENTRIES: Final = text(f"""
WITH asked AS MATERIALIZED (
  SELECT account_id, substr(split_part(path, '/', 1), 6) AS area_code, substr(split_part(path, '/', 2), 6) AS fund,
         CASE WHEN party LIKE 'hospital:%' THEN substr(party, 10) END AS hospital_code
    FROM account WHERE path = :account),
month AS MATERIALIZED (
  SELECT month_end(p.day) AS last, sum(p.postings) AS postings,
         sum(CASE p.debit_account WHEN k.account_id THEN p.amount ELSE -p.amount END) AS amount
    FROM {POSTED} p, asked k
   WHERE k.account_id IN (p.debit_account, p.credit_account) AND p.area_code = k.area_code AND p.fund = k.fund
     AND (k.hospital_code IS NULL OR p.hospital_code = k.hospital_code)
   GROUP BY 1),
behind AS (
  SELECT m.last, sum(m.postings) OVER (ORDER BY m.last) - m.postings
         - first_value(m.postings) OVER (ORDER BY m.last) AS before
    FROM month m WHERE CAST(:after_day AS date) IS NULL OR m.last >= :after_day),
page AS MATERIALIZED (
  SELECT date_trunc('month', min(b.last))::date AS first, max(b.last) AS last, to_char(min(b.last), 'YYYY-MM') AS since,
         to_char(max(b.last), 'YYYY-MM') AS until,
         coalesce((SELECT sum(m.amount) FROM month m WHERE m.last < min(b.last)), 0) AS balance
    FROM behind b WHERE b.before < :most),
history AS (
  SELECT t.*, CASE t.debit_account WHEN k.account_id THEN t.amount ELSE 0 END AS debit,
         CASE t.credit_account WHEN k.account_id THEN t.amount ELSE 0 END AS credit,
         CASE t.debit_account WHEN k.account_id THEN t.credit_account ELSE t.debit_account END AS other
    FROM transfer t, asked k
   WHERE k.account_id IN (t.debit_account, t.credit_account) AND t.area_code = k.area_code AND t.fund = k.fund
     AND (k.hospital_code IS NULL OR t.hospital_code = k.hospital_code) AND t.business_date <= :as_of
     AND t.business_date >= (SELECT first FROM page) AND t.business_date <= (SELECT last FROM page)
     AND t.period >= (SELECT since FROM page) AND t.period <= (SELECT until FROM page)),
running AS (
  SELECT h.*, ((SELECT balance FROM page)
         + sum(h.debit - h.credit) OVER (ORDER BY h.business_date, h.transfer_id))::bigint AS balance FROM history h)
SELECT r.*, o.path AS other_account FROM running r JOIN account o ON o.account_id = r.other
 WHERE CAST(:after_day AS date) IS NULL OR (r.business_date, r.transfer_id) > (:after_day, :after_id)
 ORDER BY r.business_date, r.transfer_id LIMIT :most""")
_KNOWN: Final = text(f"SELECT EXISTS (SELECT FROM account a WHERE a.path = :account AND {_REACHED})")
_ACCOUNTS: Final = text(f"""
SELECT a.path, a.kind, a.party FROM account a
 WHERE starts_with(a.path, :prefix) AND (CAST(:after AS text) IS NULL OR a.path > :after) AND {_REACHED}
 ORDER BY a.path LIMIT :most""")


class AccountBalance(Struct):
    """What was posted to an account until the day, yuan. ``balance`` is debit − credit: negative on what a fund
    owes."""

    account: str
    debit: str
    credit: str
    balance: str


class TrialBalanceAnswer(Struct):
    """Every account within reach that was moved until a business day. ``omitted`` counts accounts beyond the first
    10,000; the totals hold them too."""

    as_of: date
    total_debit: str
    total_credit: str
    difference: str
    accounts: list[AccountBalance]
    omitted: int


class LedgerEntryAnswer(Struct):
    """One transfer seen from one of its accounts, yuan, with the account's balance (debit − credit) behind it."""

    transfer_id: str
    event: str
    business_date: date
    recorded_at: str
    debit: str
    credit: str
    balance: str
    other_account: str
    settlement_id: str | None
    statement_id: str | None
    cause: str | None
    fund: str
    tier: str
    clr_type: str
    hospital_code: str
    period: str
    benefit_year: int
    fiscal_year: int
    subject: str
    request_id: str


class AccountAnswer(Struct):
    """An account of the chart: ``area:<paying area>/fund:<fund>/<kind>[/<party>]``."""

    account: str
    kind: str
    party: str


async def trial_balance(
    service: Service, caller: Caller, *, as_of: date | None, area_code: str | None, fund: str | None
) -> TrialBalanceAnswer:
    """The fold of all transfers dated until ``as_of`` (the business day without one)."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        day = as_of or shanghai_day(await clock.now(connection, manual=service.manual_clock))
        wanted = {"area_code": area_code, "fund": fund, "most": MAX_ACCOUNTS}
        rows = (await connection.execute(_BALANCES, wanted | await span(connection, [day]))).mappings().all()
    debit, credit = (rows[0]["total_debit"], rows[0]["total_credit"]) if rows else (0, 0)
    return TrialBalanceAnswer(
        as_of=day,
        total_debit=yuan(debit),
        total_credit=yuan(credit),
        difference=yuan(debit - credit),
        accounts=[_balance(row) for row in rows],
        omitted=rows[0]["accounts"] - len(rows) if rows else 0,
    )


def _balance(row: RowMapping) -> AccountBalance:
    return AccountBalance(row["path"], yuan(row["debit"]), yuan(row["credit"]), yuan(row["debit"] - row["credit"]))


class EntryFilters(Filters, frozen=True):
    """Whose history until which business day (today without one)."""

    account: Annotated[str, Meta(max_length=MAX_PATH)]
    as_of: Day | None = None


class AccountFilters(Filters, frozen=True):
    """The beginning of the paths."""

    prefix: Annotated[str, Meta(max_length=MAX_PATH)] = ""


Posted = tuple[date, int]


async def _entries(asked: Asked[EntryFilters, Posted]) -> Page[LedgerEntryAnswer, Posted]:
    """An account's history, oldest first. NotFound for an account that isn't there or isn't the caller's to see."""
    service, account, (day, number) = asked.service, asked.filters.account, asked.after or (None, None)
    async with service.database.transaction() as connection:
        await open_request(service, connection, asked.caller)
        until = asked.filters.as_of or shanghai_day(await clock.now(connection, manual=service.manual_clock))
        wanted = {"account": account, "as_of": until, "after_day": day, "after_id": number, "most": asked.limit + 1}
        rows = (await connection.execute(_ENTRIES, wanted | await span(connection, [until]))).mappings().all()
        if not rows and not (await connection.execute(_KNOWN, {"account": account})).scalar_one():
            raise NotFound("not_found")
    return page_of(rows, asked.limit, _entry, lambda row: (row["business_date"], row["transfer_id"]))


def _entry(row: RowMapping) -> LedgerEntryAnswer:
    same = ("event", "business_date", "other_account", "cause", "fund", "tier", "clr_type", "hospital_code", "period")
    return LedgerEntryAnswer(
        transfer_id=f"trf_{row['transfer_id']}",
        recorded_at=shown_instant(row["recorded_at"]),
        debit=yuan(row["debit"]),
        credit=yuan(row["credit"]),
        balance=yuan(row["balance"]),
        settlement_id=None if row["settlement_id"] is None else shown_id(SETTLEMENT, row["settlement_id"]),
        statement_id=None if row["statement_id"] is None else f"stm_{row['statement_id']}",
        **{name: row[name] for name in (*same, "benefit_year", "fiscal_year", "subject", "request_id")},
    )


async def _accounts(asked: Asked[AccountFilters, str]) -> Page[AccountAnswer, str]:
    """The accounts within reach whose paths begin with ``prefix``, by path."""
    wanted = {"prefix": asked.filters.prefix, "after": asked.after, "most": asked.limit + 1}
    async with asked.service.database.transaction() as connection:
        await open_request(asked.service, connection, asked.caller)
        rows = (await connection.execute(_ACCOUNTS, wanted)).mappings().all()
    return page_of(
        rows,
        asked.limit,
        lambda row: AccountAnswer(row["path"], row["kind"], row["party"]),
        lambda row: str(row["path"]),
    )


ENTRIES: Final = DeclaredList(
    name="ledger-entries",
    title={"zh": "科目分录", "en": "Entries of an account"},
    about="The history of an account until a business day, oldest first, with its balance behind each entry.",
    scopes=OFFICE_READERS,
    filters=EntryFilters,
    row=LedgerEntryAnswer,
    columns=columns_of(LedgerEntryAnswer),
    position=tuple[date, int],
    read=_entries,
)
ACCOUNTS: Final = DeclaredList(
    name="accounts",
    title={"zh": "科目表", "en": "Chart of accounts"},
    about="The chart of accounts, by path.",
    scopes=OFFICE_READERS,
    filters=AccountFilters,
    row=AccountAnswer,
    columns=columns_of(AccountAnswer, own=(ListColumn("party", "text", {"zh": "对象", "en": "Party"}),)),
    position=str,
    read=_accounts,
)
