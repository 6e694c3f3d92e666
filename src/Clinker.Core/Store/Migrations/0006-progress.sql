-- How far work that moves data is: bytes done of bytes in all, as it said last. Null: it has moved none.
alter table operation add column bytes_done bigint;
alter table operation add column bytes_total bigint;

-- Whether it has come to put another content in the place of a volume's: 0, 1, or null of those that were begun before this was written down.
alter table operation add column replacing integer;
