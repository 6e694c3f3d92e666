create table backup (
  id text primary key,
  project_id text not null,
  user_id text not null,
  volume_id text not null,
  snapshot_id text,
  -- The backup that it is an increment of.
  parent_id text,
  size_gb integer not null,
  name text,
  description text,
  status text not null,
  fail_reason text,
  -- What keeps its objects; null as long as nothing of it is kept.
  service text,
  container text,
  availability_zone text,
  object_count integer not null,
  -- The SHA-256 of its index, once that is written.
  index_sha256 text,
  encryption_key_id text,
  bootable boolean not null,
  -- As the volume's was.
  image_metadata text not null,
  metadata text not null,
  volume_metadata text not null default '{}',
  -- The backup whose objects it has, if that is another: it was taken in under a new id.
  data_id text,
  data_timestamp bigint not null,
  created_at bigint not null,
  updated_at bigint
);

create index backup_by_project on backup (project_id, created_at desc, id desc);

create index backup_by_time on backup (created_at desc, id desc);

create index backup_by_volume on backup (volume_id, data_timestamp desc);

create index backup_by_parent on backup (parent_id);
