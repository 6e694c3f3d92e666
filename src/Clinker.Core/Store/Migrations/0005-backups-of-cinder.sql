-- Of a backup that one of Cinder's own drivers wrote: how the names of its objects begin. Null: it is one of ours.
alter table backup add column prefix text;
