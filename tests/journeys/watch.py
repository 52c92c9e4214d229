"""Who watches every change of a status while journeys are played: a trigger, made by the database's owner."""

from dataclasses import dataclass

from tests.journeys.people import query
from tests.journeys.stack import RunningStack

_TABLE = "journey_changes"


@dataclass(frozen=True)
class Watch:
    """The changes of one column, from the moment at which it is watched."""

    stack: RunningStack
    table: str
    column: str

    def begin(self) -> None:
        """Watch from now on. The programs need no right for it: the trigger has its owner's."""
        query(self.stack, f"CREATE TABLE IF NOT EXISTS {_TABLE} (place text, was text, became text)")
        query(
            self.stack,
            f"""
            CREATE OR REPLACE FUNCTION journey_watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = public AS $$
            BEGIN
                INSERT INTO {_TABLE} VALUES
                    (TG_TABLE_NAME, to_jsonb(OLD) ->> TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[0]);
                RETURN NULL;
            END $$
            """,
        )
        query(
            self.stack,
            f"CREATE TRIGGER journey_watch AFTER UPDATE ON {self.table} FOR EACH ROW"
            f" WHEN (OLD.{self.column} <> NEW.{self.column}) EXECUTE FUNCTION journey_watch('{self.column}')",
        )

    def seen(self) -> set[tuple[str, str]]:
        """Every change (from, to) so far."""
        rows = query(self.stack, f"SELECT DISTINCT was, became FROM {_TABLE} WHERE place = %s", self.table)
        return {(str(was), str(became)) for was, became in rows}
