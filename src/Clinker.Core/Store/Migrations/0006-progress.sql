-- How far work that moves data is: bytes done of bytes in all, as it said last. Null: it has moved none.
alter table operation add column bytes_done bigint;
alter table operation add column bytes_total bigint;
