alter table volume add column snapshot_id text;

alter table volume add column source_volume_id text;

alter table volume add column group_id text;

alter table volume add column previous_status text;

alter table volume add column replication_status text;

alter table volume add column encryption_key_id text;

-- The id in the names of its files, where that is another (after a migration).
alter table volume add column name_id text;

-- What the image service said of the image that it was made from.
alter table volume add column image_metadata text not null default '{}';

-- What the service itself notes in its metadata: readonly, attached_mode.
alter table volume add column admin_metadata text not null default '{}';

-- The size that it is being extended to: its quota is that of this size already.
alter table volume add column growing_to_gb integer;

create index volume_by_group on volume (group_id);

create table snapshot (
  id text primary key,
  project_id text not null,
  user_id text not null,
  volume_id text not null,
  size_gb integer not null,
  name text,
  description text,
  status text not null,
  progress text,
  volume_type_id text,
  group_snapshot_id text,
  encryption_key_id text,
  provider_location text,
  metadata text not null,
  -- As the volume's was when it was taken.
  image_metadata text not null,
  consumes_quota boolean not null,
  created_at bigint not null,
  updated_at bigint
);

create index snapshot_by_project on snapshot (project_id, created_at desc, id desc);

create index snapshot_by_time on snapshot (created_at desc, id desc);

create index snapshot_by_volume on snapshot (volume_id, created_at desc);

create index snapshot_by_group on snapshot (group_snapshot_id);

create table attachment (
  id text primary key,
  project_id text not null,
  volume_id text not null,
  server_id text,
  host_name text,
  device text,
  mode text,
  status text not null,
  connector text,
  connection_info text,
  attached_at bigint,
  created_at bigint not null,
  updated_at bigint
);

create index attachment_by_volume on attachment (volume_id);

create index attachment_by_project on attachment (project_id, created_at desc, id desc);

create table transfer (
  id text primary key,
  -- The donor's.
  project_id text not null,
  volume_id text not null,
  name text,
  salt text not null,
  key_hash text not null,
  no_snapshots boolean not null,
  created_at bigint not null
);

create unique index transfer_by_volume on transfer (volume_id);

create index transfer_by_project on transfer (project_id, created_at desc, id desc);

create table qos_spec (
  id text primary key,
  name text not null unique,
  consumer text not null,
  specs text not null,
  created_at bigint not null,
  updated_at bigint
);

alter table volume_type add column qos_spec_id text;

create table type_encryption (
  id text primary key,
  volume_type_id text not null unique references volume_type (id) on delete cascade,
  provider text not null,
  control_location text not null,
  cipher text,
  key_size integer,
  created_at bigint not null,
  updated_at bigint
);

create table default_type (
  project_id text primary key,
  volume_type_id text not null references volume_type (id) on delete cascade
);

-- Limits that differ from the configured ones: a project's, and those of a class (the class 'default' is everybody's).
create table quota_limit (
  project_id text not null,
  resource text not null,
  most bigint not null,
  primary key (project_id, resource)
);

create table quota_class_limit (
  class text not null,
  resource text not null,
  most bigint not null,
  primary key (class, resource)
);

create table group_type (
  id text primary key,
  name text not null unique,
  description text,
  is_public boolean not null,
  specs text not null,
  created_at bigint not null,
  updated_at bigint
);

create table volume_group (
  id text primary key,
  project_id text not null,
  user_id text not null,
  name text,
  description text,
  status text not null,
  group_type_id text not null,
  -- A JSON list of ids.
  volume_types text not null,
  availability_zone text,
  group_snapshot_id text,
  source_group_id text,
  replication_status text,
  created_at bigint not null,
  updated_at bigint
);

create index volume_group_by_project on volume_group (project_id, created_at desc, id desc);

create table group_snapshot (
  id text primary key,
  project_id text not null,
  user_id text not null,
  group_id text not null,
  group_type_id text not null,
  name text,
  description text,
  status text not null,
  created_at bigint not null,
  updated_at bigint
);

create index group_snapshot_by_project on group_snapshot (project_id, created_at desc, id desc);

create index group_snapshot_by_group on group_snapshot (group_id);

-- Takes neither new volumes and snapshots nor deletes of old ones.
alter table service add column frozen boolean not null default false;

-- What its daemon logs from which level on: JSON, by the beginnings of the names of loggers. Null until it says so.
alter table service add column log_levels text;
