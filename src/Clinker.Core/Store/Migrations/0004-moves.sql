-- The type that a volume is being given, whose quota it has too meanwhile.
alter table volume add column retyping_to text;

-- Room is given to files: a reservation's volume_id is the id in the file's name, the volume's own unless it was moved.
-- The volume that has moved away from the file, which is to be deleted; null: it is a volume's, or is to be.
alter table reservation add column left_by text;
