-- Times: microseconds since 1970, UTC. Sizes: GiB. Ids: UUIDs as text. JSON: as text.

create table operation (
  id text primary key,
  kind text not null,
  arguments text not null,
  queue text not null,
  status text not null,
  generation bigint not null,
  owner text,
  lease_until bigint not null,
  run_after bigint not null,
  handed_at bigint,
  attempts integer not null,
  about_kind text not null,
  about_id text not null,
  project_id text,
  request_id text,
  fault text,
  created_at bigint not null,
  updated_at bigint not null
);

create index operation_due on operation (queue, run_after) where status in ('queued', 'running', 'unwinding');

create index operation_stuck on operation (queue, run_after) where status = 'stuck';

create index operation_about on operation (about_kind, about_id);

create index operation_ended on operation (updated_at) where status in ('done', 'failed');

create table journal (
  operation text not null references operation (id) on delete cascade,
  step text not null,
  event text not null,
  data text,
  at bigint not null,
  primary key (operation, step, event)
);

create table hold (
  operation text not null references operation (id) on delete cascade,
  kind text not null,
  id text not null,
  primary key (kind, id, operation)
);

create table volume (
  id text primary key,
  project_id text not null,
  user_id text not null,
  name text,
  description text,
  size_gb integer not null,
  status text not null,
  attach_status text not null,
  migration_status text,
  volume_type_id text,
  availability_zone text not null,
  host text,
  provider_location text,
  format text,
  bootable boolean not null,
  multiattach boolean not null,
  metadata text not null,
  consumes_quota boolean not null,
  created_at bigint not null,
  updated_at bigint
);

create index volume_by_project on volume (project_id, created_at desc, id desc);

create index volume_by_time on volume (created_at desc, id desc);

create index volume_by_host on volume (host);

create index volume_by_type on volume (volume_type_id);

create index volume_by_name on volume (project_id, name);

create table reservation (
  volume_id text primary key,
  pool text not null,
  size_gb integer not null,
  at bigint not null
);

create index reservation_by_pool on reservation (pool, at);

create table pool (
  name text primary key,
  queue text not null,
  down text,
  zone text not null,
  total_gb double precision not null,
  free_gb double precision not null,
  thin boolean not null,
  reserved_percentage integer not null,
  max_over_subscription_ratio double precision not null,
  capabilities text not null,
  allocated_gb bigint not null,
  volumes bigint not null,
  version bigint not null,
  reported_at bigint not null
);

create table service (
  id text not null unique,
  host text not null,
  binary_name text not null,
  zone text not null,
  disabled boolean not null,
  disabled_reason text,
  backend_down text,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (host, binary_name)
);

create table volume_type (
  id text primary key,
  name text not null unique,
  description text,
  is_public boolean not null,
  extra_specs text not null,
  created_at bigint not null,
  updated_at bigint
);

create table volume_type_access (
  volume_type_id text not null references volume_type (id) on delete cascade,
  project_id text not null,
  primary key (volume_type_id, project_id)
);

create table quota_usage (
  project_id text not null,
  resource text not null,
  in_use bigint not null,
  primary key (project_id, resource)
);

create table message (
  id text primary key,
  project_id text not null,
  request_id text,
  resource_type text not null,
  resource_id text not null,
  event_id text not null,
  level text not null,
  text text not null,
  created_at bigint not null,
  expires_at bigint not null
);

create index message_by_project on message (project_id, created_at desc, id desc);
