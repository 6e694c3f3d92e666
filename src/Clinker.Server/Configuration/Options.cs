using System.Net;
using Clinker.Drivers;

namespace Clinker.Server.Configuration;

/// <summary>
/// The one table of options. Names and meanings are Cinder's, so that a <c>cinder.conf</c> can stay as it is; a default that
/// differs from Cinder's says so. An option is here because this daemon uses it.
/// </summary>
static class Options
{
    const string Default = "DEFAULT";

    static readonly List<Option> all = [];

    /// <summary>All of them, in the order in which a reader wants them.</summary>
    public static IReadOnlyList<Option> All => all;

    // Backends

    public static readonly Option<IReadOnlyList<string>> EnabledBackends = Add(Default, "enabled_backends", Kinds.HostParts, null,
        "The backends, each the name of a section with its options. Without it, [DEFAULT] itself is the section of the only backend, "
        + "which is then called by its volume_backend_name.");

    // Who and where

    public static readonly Option<string> Host = Add(Default, "host", Kinds.HostPart, null,
        "This host's name: the first part of host@backend#pool. Two hosts that serve the same backend for each other need the same name "
        + "(or backend_host).", defaultMeans: "the machine's name");

    public static readonly Option<IPAddress> MyIp = Add(Default, "my_ip", Kinds.Address, null,
        "The address by which other hosts reach this one.", defaultMeans: "the one of the default route");

    public static readonly Option<string> StatePath = Add(Default, "state_path", Kinds.FullPath, "/var/lib/cinder",
        "The directory that other defaults lie in.");

    // The API

    public static readonly Option<IPAddress> Listen = Add(Default, "osapi_volume_listen", Kinds.Address, "127.0.0.1",
        "The address the API listens on; 0.0.0.0 or :: for all. Cinder's default is 0.0.0.0: here that has to be written, and is "
        + "refused while auth_strategy is none, unless --insecure-anywhere is given.");

    public static readonly Option<int> ListenPort = Add(Default, "osapi_volume_listen_port", Kinds.Int(0, 65535), "8776",
        "The port the API listens on; 0 for any free one.");

    public static readonly Option<int> MaxLimit = Add(Default, "osapi_max_limit", Kinds.Int(1), "1000",
        "The most items a page of a list has.");

    public static readonly Option<Uri> PublicEndpoint = Add(Default, "public_endpoint", Kinds.Url, null,
        "What links in answers start with, where a proxy stands before the API.", defaultMeans: "what the request was sent to");

    public static readonly Option<bool> UseSsl = Add(Default, "osapi_volume_use_ssl", Kinds.Bool, "false",
        "Whether the API speaks TLS (1.2 and 1.3, HTTP/1.1 and HTTP/2) instead of plain HTTP; [ssl] says with which certificate.");

    public static readonly Option<string> AuthStrategy = Add(Default, "auth_strategy", Authentication, "none",
        "Who may call. keystone: whoever has a valid token; [keystone_authtoken] says of which Keystone. basic (or http_basic): whoever "
        + "http_basic_auth_user_file names, by his password. none and noauth are the same: whoever reaches the port is an administrator. "
        + "Cinder's default is keystone.");

    public static readonly Option<string> UsersFile = Add(Default, "http_basic_auth_user_file", Kinds.FullPath, "/etc/cinder/htpasswd",
        "With auth_strategy = basic: the users, their projects and their roles, as clinker user writes them. A line for each: "
        + "name:hash:project=role,role;project=role, with a hash by bcrypt as htpasswd -nB makes it. Read anew when it changes; a wrong one "
        + "is told in the log, and the users of before stay.");

    public static readonly Option<string> PolicyFile = Add(Sections.Policy, "policy_file", BelowEtc, "policy.yaml",
        "Who may do what, where that is not as it is by default: a YAML (or JSON) mapping of rules, in the language of oslo.policy. Read anew "
        + "when it changes; a wrong one is told in the log, and the rules of before stay. It need not be there.");

    public static readonly Option<string> PolicyDir = Add(Sections.Policy, "policy_dirs", BelowEtc, "policy.d",
        "A directory of such files, which are read after that one in the order of their names.");

    public static readonly Option<int> MaxBody = Add("oslo_middleware", "max_request_body_size", Kinds.Int(1), "114688",
        "The most bytes a request's body may have.", old: [(Default, "osapi_max_request_body_size"), (Default, "max_request_body_size")]);

    public static readonly Option<bool> ProxyHeaders = Add(Sections.Middleware, "enable_proxy_headers_parsing", Kinds.Bool, "false",
        "Whether a proxy before the API may say how it was called and by whom, in Forwarded (RFC 7239) or X-Forwarded-For, -Proto and -Host, and in "
        + "X-Forwarded-Prefix. Cinder believes that of everybody; here [clinker] trusted_proxies says of whom.");

    public static readonly Option<IReadOnlyDictionary<string, IReadOnlyList<string>>> ResourceFilters = Add(Default,
        "resource_query_filters_file", FilterFile.Kind, null,
        "A JSON file that says what users may filter lists by, from 3.31 on: an object with a list of names for each resource. A resource "
        + "that it does not name can't be filtered at all.", defaultMeans: "what Cinder ships; no file is read");

    // The network

    public static readonly Option<string> CertFile = Add(Sections.Ssl, "cert_file", Kinds.FullPath, null,
        "PEM: the API's certificate, and behind it those between it and an authority, which are sent along. It, the key and ca_file are read anew when they "
        + "change; wrong ones are told in the log, and those of before stay in use.", old: [(Default, "ssl_cert_file")]);

    public static readonly Option<string> KeyFile = Add(Sections.Ssl, "key_file", Kinds.FullPath, null,
        "PEM: its private key, without a password.", old: [(Default, "ssl_key_file")]);

    public static readonly Option<string> CaFile = Add(Sections.Ssl, "ca_file", Kinds.FullPath, null,
        "PEM: authorities. With it, only who shows a certificate of one of them can connect.", defaultMeans: "nobody is asked for a certificate",
        old: [(Default, "ssl_ca_file")]);

    public static readonly Option<IReadOnlyList<string>> AllowedOrigin = Add(Sections.Cors, "allowed_origin", Kinds.Origins, null,
        "Whose pages a browser may let use the API. * is everybody's, without cookies and client certificates then.", defaultMeans: "nobody's");

    public static readonly Option<bool> AllowCredentials = Add(Sections.Cors, "allow_credentials", Kinds.Bool, "true",
        "Whether those that allowed_origin names may use cookies and client certificates of the user. Tokens in X-Auth-Token are not meant.");

    public static readonly Option<IReadOnlyList<string>> ExposeHeaders = Add(Sections.Cors, "expose_headers", Kinds.Tokens,
        "X-Auth-Token,X-Subject-Token,X-Service-Token,X-OpenStack-Request-ID,OpenStack-API-Version", "The headers of answers that such a page may read.");

    public static readonly Option<int> MaxAge = Add(Sections.Cors, "max_age", Kinds.Int(0), "3600",
        "For how many seconds a browser may remember what it may send.");

    public static readonly Option<IReadOnlyList<string>> AllowMethods = Add(Sections.Cors, "allow_methods", Kinds.Tokens, "GET,PUT,POST,DELETE,PATCH,HEAD",
        "The methods that such a page may use.");

    public static readonly Option<IReadOnlyList<string>> AllowHeaders = Add(Sections.Cors, "allow_headers", Kinds.Tokens,
        "X-Auth-Token,X-Identity-Status,X-Roles,X-Service-Catalog,X-User-Id,X-Tenant-Id,X-OpenStack-Request-ID,X-Trace-Info,X-Trace-HMAC,OpenStack-API-Version",
        "The headers that it may send.");

    public static readonly Option<IReadOnlyList<IPNetwork>> TrustedProxies = Add(Sections.Clinker, "trusted_proxies", Kinds.Networks, "127.0.0.0/8,::1",
        "The proxies that are believed with enable_proxy_headers_parsing: those before the API, and those before them. Who calls is the last address in "
        + "X-Forwarded-For that is none of these.");

    public static readonly Option<int> AddressRate = Add(Sections.Clinker, "address_request_rate", Rate, "0",
        "The most requests a second from one address (of IPv6: from one /64), and the most at once after a second of quiet; more are answered with 429. "
        + "0: any number.");

    public static readonly Option<int> ProjectRate = Add(Sections.Clinker, "project_request_rate", Rate, "0",
        "The same for each project, whoever asks in it. Each daemon counts by itself. 0: any number.");

    public static readonly Option<int> MaxConnections = Add(Sections.Clinker, "max_connections", Kinds.Int(0), "10000",
        "The most connections that are open; one more is closed at once. 0: any number.");

    public static readonly Option<int> MaxConnectionsPerAddress = Add(Sections.Clinker, "max_connections_per_address", Kinds.Int(0), "0",
        "The most from one address (of IPv6: from one /64) that is none of trusted_proxies. 0: any number.");

    // Keystone

    public static readonly Option<Uri> AuthUrl = Keystone("auth_url", Kinds.Url, null,
        "Where Keystone is: http://controller:5000. All that is asked of it is asked there, below /v3 or where on that server its list of "
        + "versions says. Has to be written with auth_strategy = keystone.");

    public static readonly Option<Uri> WwwAuthenticateUri = Keystone("www_authenticate_uri", Kinds.Url, null,
        "Where callers without a valid token are sent.", defaultMeans: "auth_url", old: [(null, "auth_uri")]);

    public static readonly Option<string> AuthType = Keystone("auth_type", Kinds.Choice("password", "v3password", "v3applicationcredential"),
        "password", "How the daemon signs in: with a user and a project, or with an application credential.", old: [(null, "auth_plugin")]);

    public static readonly Option<string> Username = Keystone("username", Kinds.Filled, null,
        "The daemon's user, who needs the role service (or admin) in its project.", old: [(null, "user_name")]);

    public static readonly Option<string> UserId = Keystone("user_id", Kinds.Filled, null, "Its id, instead of name and domain.");

    public static readonly Option<string> UserDomainName = Keystone("user_domain_name", Kinds.Filled, null, "The domain of the user.");

    public static readonly Option<string> UserDomainId = Keystone("user_domain_id", Kinds.Filled, null, "Its id, instead of the name.");

    public static readonly Option<string> Password = Keystone("password", Kinds.Text, null, "The user's password.", secret: true);

    public static readonly Option<string> ProjectName = Keystone("project_name", Kinds.Filled, null,
        "The project that the user works in.", old: [(null, "tenant_name")]);

    public static readonly Option<string> ProjectId = Keystone("project_id", Kinds.Filled, null,
        "Its id, instead of name and domain.", old: [(null, "tenant_id")]);

    public static readonly Option<string> ProjectDomainName = Keystone("project_domain_name", Kinds.Filled, null, "The domain of the project.");

    public static readonly Option<string> ProjectDomainId = Keystone("project_domain_id", Kinds.Filled, null, "Its id, instead of the name.");

    public static readonly Option<string> CredentialId = Keystone("application_credential_id", Kinds.Filled, null,
        "With auth_type = v3applicationcredential: which.");

    public static readonly Option<string> CredentialSecret = Keystone("application_credential_secret", Kinds.Text, null,
        "Its secret.", secret: true);

    public static readonly Option<System.Security.Cryptography.X509Certificates.X509Certificate2Collection> KeystoneAuthorities = Keystone(
        "cafile", CertificateFile.Kind, null, "The authorities whose certificates Keystone may have.", defaultMeans: "those that the system trusts");

    public static readonly Option<bool> KeystoneInsecure = Keystone("insecure", Kinds.Bool, "false",
        "Take any certificate for Keystone's. Whoever is between can then be anybody.");

    public static readonly Option<TimeSpan> KeystoneTimeout = Keystone("http_connect_timeout", Kinds.Seconds(1), "5",
        "How long a request waits for Keystone before it is answered with 503. Those whose tokens are known don't ask it.");

    public static readonly Option<int> TokenCacheTime = Keystone("token_cache_time", Kinds.Int(-1), "300",
        "For how many seconds a token that was found good is not asked for again: a revoked one is good for so long. 0 or -1: each request asks.");

    public static readonly Option<IReadOnlyList<string>> MemcachedServers = Keystone("memcached_servers", Kinds.List, null,
        "Accepted for old files' sake: each daemon remembers tokens itself.", old: [(null, "memcache_servers")]);

    public static readonly Option<string> KeystoneInterface = Keystone("interface", Kinds.Text, null,
        "Accepted for old files' sake: Keystone is asked at auth_url, whatever its catalogue says.");

    public static readonly Option<string> KeystoneRegion = Keystone("region_name", Kinds.Text, null,
        "Accepted for old files' sake: Keystone is asked at auth_url, in whichever region that is.");

    public static readonly Option<IReadOnlyList<string>> ServiceTokenRoles = Keystone("service_token_roles", Kinds.List, "service",
        "A request that also carries the token of a user with one of these roles (Nova's) comes from a service: it may act for a user whose "
        + "token has ended meanwhile, and take attachments away that a server still uses.");

    public static readonly Option<bool> ServiceTokenRolesRequired = Keystone("service_token_roles_required", Kinds.Bool, "false",
        "Whether requests with a service token that has none of these roles are refused instead of being taken for the user's own.");

    public static readonly Option<IReadOnlyList<string>> ServiceType = Keystone("service_type", Kinds.List, "volumev3,block-storage",
        "By which types access rules of application credentials name this service.");

    // Nova: as whom it is asked is said by the words of [keystone_authtoken]

    public static readonly Option<string> NovaAuthSection = Add(Sections.Nova, "auth_section", Kinds.Choice(Sections.Keystone, Sections.Nova), null,
        "The section whose auth_url, user, password and project are taken, where these are not.", defaultMeans: "nova");

    public static readonly Option<Uri> NovaAuthUrl = Nova(AuthUrl,
        "The Keystone in whose catalogue Nova is. With it Nova is asked to help with volumes that servers have: their snapshots, their growth, rebuilds.");

    public static readonly Option<string> NovaAuthType = Nova(AuthType);

    public static readonly Option<string> NovaUsername = Nova(Username,
        "The user as whom Nova is asked, and as whom it says how it went: who needs the role admin there and here.");

    public static readonly Option<string> NovaUserId = Nova(UserId);
    public static readonly Option<string> NovaUserDomainName = Nova(UserDomainName);
    public static readonly Option<string> NovaUserDomainId = Nova(UserDomainId);
    public static readonly Option<string> NovaPassword = Nova(Password);
    public static readonly Option<string> NovaProjectName = Nova(ProjectName);
    public static readonly Option<string> NovaProjectId = Nova(ProjectId);
    public static readonly Option<string> NovaProjectDomainName = Nova(ProjectDomainName);
    public static readonly Option<string> NovaProjectDomainId = Nova(ProjectDomainId);
    public static readonly Option<string> NovaCredentialId = Nova(CredentialId);
    public static readonly Option<string> NovaCredentialSecret = Nova(CredentialSecret);

    public static readonly Option<System.Security.Cryptography.X509Certificates.X509Certificate2Collection> NovaAuthorities = Nova(
        KeystoneAuthorities, "The authorities whose certificates Nova and its Keystone may have.");

    public static readonly Option<bool> NovaInsecure = Nova(KeystoneInsecure,
        "Take any certificate for Nova's and its Keystone's. Whoever is between can then be anybody.");

    public static readonly Option<TimeSpan> NovaTimeout = Add(Sections.Nova, "timeout", Kinds.Seconds(1), "60",
        "How long Keystone and Nova may take to answer. What Nova did not answer in time it may have heard all the same: then its word is waited for.");

    public static readonly Option<string> NovaRegion = Add(Sections.Nova, "region_name", Kinds.Filled, null,
        "The region whose Nova is asked.", defaultMeans: "any", old: [(Default, "os_region_name")]);

    public static readonly Option<string> NovaInterface = Add(Sections.Nova, "interface", Kinds.Choice("public", "internal", "admin"), "public",
        "Which of Nova's endpoints in the catalogue is asked.");

    // The database

    public static readonly Option<DatabaseUrl> Connection = Add("database", "connection", DatabaseUrl.Kind, "sqlite:///$state_path/clinker.sqlite",
        "Where the rows are. SQLite serves a single host; several hosts share a PostgreSQL. The database is Clinker's own: one of Cinder's "
        + "is not read.", secret: true, old: [(Default, "sql_connection"), ("database", "sql_connection"), ("sql", "connection")]);

    // Availability zones and types

    public static readonly Option<string> StorageZone = Add(Default, "storage_availability_zone", Kinds.Filled, "nova",
        "The availability zone of this host's backends.");

    public static readonly Option<string> DefaultZone = Add(Default, "default_availability_zone", Kinds.Filled, null,
        "The zone of a volume for which none is asked.", defaultMeans: "storage_availability_zone");

    public static readonly Option<bool> ZoneFallback = Add(Default, "allow_availability_zone_fallback", Kinds.Bool, "false",
        "Whether a volume asked for in an unknown zone is made in the default one instead of being refused.");

    public static readonly Option<string> DefaultVolumeType = Add(Default, "default_volume_type", Kinds.Filled, "__DEFAULT__",
        "The type of a volume for which none is asked.");

    public static readonly Option<string> DefaultGroupType = Add(Default, "default_group_type", Kinds.Filled, null,
        "The group type that is shown as the default one.", defaultMeans: "none");

    public static readonly Option<string> VolumeNameTemplate = Add(Default, "volume_name_template", Kinds.NameTemplate, "volume-%s",
        "The name of a volume's file. Changing it with volumes present hides them from this daemon.");

    // Quotas

    public static readonly Option<int> QuotaVolumes = Quota("quota_volumes", "10", "Volumes of a project.");
    public static readonly Option<int> QuotaSnapshots = Quota("quota_snapshots", "10", "Snapshots of a project.");
    public static readonly Option<int> QuotaGigabytes = Quota("quota_gigabytes", "1000", "GiB of volumes and snapshots of a project.");
    public static readonly Option<int> QuotaBackups = Quota("quota_backups", "10", "Backups of a project.");
    public static readonly Option<int> QuotaBackupGigabytes = Quota("quota_backup_gigabytes", "1000", "GiB of backups of a project.");
    public static readonly Option<int> QuotaGroups = Quota("quota_groups", "10", "Groups of a project.");
    public static readonly Option<int> PerVolumeSizeLimit = Quota("per_volume_size_limit", "-1", "GiB of a single volume.");

    // Images

    public static readonly Option<IReadOnlyList<Uri>> GlanceServers = Add(Default, "glance_api_servers", Kinds.Urls, null,
        "Where Glance is: http://controller:9292; several, of which another is asked when one does not answer. Without it there are no "
        + "volumes from images and no images of volumes.", defaultMeans: "no image service");

    public static readonly Option<int> GlanceRetries = Add(Default, "glance_num_retries", Kinds.Int(0), "3",
        "How often a question that Glance did not answer is asked again at once. After that the work waits and goes on later.");

    public static readonly Option<TimeSpan> GlanceTimeout = Add(Default, "glance_request_timeout", Kinds.Seconds(1), "30",
        "How long Glance may take to begin an answer. Cinder's default is that of its library, ten minutes.");

    public static readonly Option<string> VerifySignatures = Add(Default, "verify_glance_signatures", Kinds.Choice("disabled", "enabled"), "enabled",
        "Whether an image that is signed becomes a volume only if its signature can be verified. One that nobody has signed is taken either way.");

    public static readonly Option<Uri> BarbicanEndpoint = Add(Sections.Barbican, "barbican_endpoint", Kinds.Url, null,
        "The key manager, where certificates of images are kept.", defaultMeans: "as Keystone's catalogue says");

    public static readonly Option<string> BarbicanInterface = Add(Sections.Barbican, "barbican_endpoint_type", Kinds.Choice("public", "internal", "admin"), "public",
        "Which of its endpoints in the catalogue is asked.");

    public static readonly Option<string> BarbicanRegion = Add(Sections.Barbican, "barbican_region_name", Kinds.Filled, null,
        "The region whose key manager is asked.", defaultMeans: "any");

    public static readonly Option<IReadOnlyList<string>> GlanceCoreProperties = Add(Default, "glance_core_properties", Kinds.List,
        "checksum,container_format,disk_format,image_name,image_id,min_disk,min_ram,name,size",
        "What is not passed on, of what is known of a volume's image, to an image that is made of the volume.");

    public static readonly Option<bool> ForceUpload = Add(Default, "enable_force_upload", Kinds.Bool, "false",
        "Whether a volume that is in use may be made an image, where its backend can take a snapshot of it then.");

    public static readonly Option<bool> CompressedUpload = Add(Default, "allow_compression_on_image_upload", Kinds.Bool, "true",
        "Whether a volume may be made an image that is compressed by gzip (container_format compressed). That takes room in image_conversion_dir, and a processor.");

    public static readonly Option<string> ConversionDir = Add(Default, "image_conversion_dir", Kinds.FullPath, "$state_path/conversion",
        "Where images that are not raw are converted: on the hosts of backends, with room for the image and for the disk in it.");

    public static readonly Option<bool> ConversionDisabled = Add(Default, "image_conversion_disable", Kinds.Bool, "false",
        "Whether only raw images are taken and made.");

    public static readonly Option<TimeSpan> ConversionCpu = Add(Default, "image_conversion_cpu_limit", Kinds.Seconds(1), "60",
        "The seconds of processor time that qemu-img may use to look at an image; to convert one, 300 more for each GiB of the disk in it.");

    public static readonly Option<int> ConversionMemory = Add(Default, "image_conversion_address_space_limit", Kinds.Int(1, 1024), "1",
        "The GiB of memory that qemu-img may ask for.");

    public static readonly Option<IReadOnlyList<string>> VmdkTypes = Add(Default, "vmdk_allowed_types",
        Kinds.ListOf([.. Formats.DiskImage.VmdkTypes]), "streamOptimized,monolithicSparse",
        "Which kinds of VMDK images are taken; none: no VMDK image. Only those that are one file can be.");

    // The scheduler

    public static readonly Option<IReadOnlyList<string>> Filters = Add(Default, "scheduler_default_filters",
        Kinds.ListOf([.. Scheduling.Filters.All.Keys]),
        "AvailabilityZoneFilter,CapacityFilter,CapabilitiesFilter",
        "What a pool must pass to get a volume, in the order in which it is asked.");

    public static readonly Option<IReadOnlyList<string>> Weighers = Add(Default, "scheduler_default_weighers",
        Kinds.ListOf([.. Scheduling.Weighers.All.Keys]), "CapacityWeigher",
        "What makes one pool better than another: what each says is scaled to 0…1 over the pools, times its multiplier, and summed.");

    public static readonly Option<int> MaxAttempts = Add(Default, "scheduler_max_attempts", Kinds.Int(1), "3",
        "In how many pools making a volume is tried, one after the other, before it is given up.");

    public static readonly Option<Scheduling.WeightHandler> WeightHandler = Add(Default, "scheduler_weight_handler", Kinds.WeightHandler,
        "OrderedHostWeightHandler",
        "How the pool is found: the one that weighs most, or by lot with as much of a chance as each weighs. Older, longer names are taken too.");

    public static readonly Option<double> CapacityMultiplier = Add(Default, "capacity_weight_multiplier",
        Kinds.Number(double.MinValue, "a number"), "1.0",
        "How much free room counts. Negative: the fullest pool that fits is taken, so that volumes stack.");

    public static readonly Option<double> AllocatedMultiplier = Add(Default, "allocated_capacity_weight_multiplier",
        Kinds.Number(double.MinValue, "a number"), "-1.0",
        "How much the GiB that are placed in a pool count for AllocatedCapacityWeigher. Positive: volumes stack.");

    public static readonly Option<double> VolumeNumberMultiplier = Add(Default, "volume_number_multiplier",
        Kinds.Number(double.MinValue, "a number"), "-1.0",
        "How much the number of its volumes counts for VolumeNumberWeigher. Positive: volumes stack.");

    public static readonly Option<TimeSpan> ReportInterval = Add(Default, "report_interval", Kinds.Seconds(1), "10",
        "How often each role says that it is alive.");

    public static readonly Option<TimeSpan> ServiceDownTime = Add(Default, "service_down_time", Kinds.Seconds(1), "60",
        "How long nothing may be heard of a role before it counts as down. Has to be longer than report_interval.");

    public static readonly Option<TimeSpan> StatsInterval = Add(Default, "backend_stats_polling_interval", Kinds.Seconds(3), "60",
        "How often a backend is asked for its room.");

    // Backups

    public static readonly Option<string> BackupDriver = Add(Default, "backup_driver", BackupDrivers, null,
        "What keeps backups. Has to be written on every host of role volume and backup: the one reads volumes and writes what is in them, the "
        + "other removes what is not wanted any more. Cinder's default is Swift.", defaultMeans: "none: there are no backups");

    public static readonly Option<string> BackupPath = Add(Default, "backup_posix_path", Kinds.FullPath, "$state_path/backup",
        "The directory that backups lie in, where they are in one; on several hosts the same one, mounted on each (a share of its own, not one of volumes).");

    public static readonly Option<string> BackupShare = Add(Default, "glusterfs_backup_share", BackupShares, null,
        "For backups on GlusterFS: the share that they lie on, HOST:VOLUME, and mount options behind it (-o …); one of its own, not one of volumes.",
        defaultMeans: "none");

    public static readonly Option<string> BackupMountPoint = Add(Default, "glusterfs_backup_mount_point", Kinds.FullPath, "$state_path/backup_mount",
        "Where that share is mounted, in a directory named by the MD5 of it.");

    public static readonly Option<string> BackupContainer = Add(Default, "backup_container", ContainerName, "backups",
        "The directory below that for backups which name no container of their own.");

    public static readonly Option<BackupCompression> BackupCompression = Add(Default, "backup_compression_algorithm", Compression, "zlib",
        "How the pieces of backups are compressed, where that makes them smaller.");

    // Logs

    public static readonly Option<bool> Debug = Add(Default, "debug", Kinds.Bool, "false", "Log everything down to DEBUG instead of INFO.");

    public static readonly Option<bool> UseJson = Add(Default, "use_json", Kinds.Bool, "false", "Log a JSON object a line instead of text.");

    public static readonly Option<string> LogDir = Add(Default, "log_dir", Kinds.FullPath, null,
        "Log not only to standard error, but also into this directory: api.log, scheduler.log, volume.log and backup.log, opened again on SIGHUP and "
        + "when one was moved away.", old: [(null, "logdir")]);

    public static readonly Option<string> LogFile = Add(Default, "log_file", Kinds.Filled, null,
        "One file for all roles instead of one for each; a relative name lies in log_dir.", old: [(null, "logfile")]);

    public static readonly Option<string> AuditFile = Add(Sections.Audit, "log_file", Kinds.Filled, null,
        "Write who asked what of which resource, with which result, into this file: a JSON object a line, with CADF's names. A relative name "
        + "lies in log_dir.", defaultMeans: "none is written");

    public static readonly Option<IReadOnlyList<string>> AuditIgnored = Add(Sections.Audit, "ignore_req_list", Kinds.List, null,
        "Methods of requests that are not written, such as GET.", defaultMeans: "none: all requests are written");

    // A backend

    public static readonly Option<DriverKind> Driver = Add(Option.Backend, "volume_driver", DriverKinds.Kind, null,
        "What serves it: GlusterFS, directories of any file system, or (for trials) nothing but memory.");

    public static readonly Option<string> BackendName = Add(Option.Backend, "volume_backend_name", Kinds.Filled, null,
        "What volume types ask for with the extra spec volume_backend_name; several backends may share it.", defaultMeans: "GlusterFS, directory or memory, by the driver");

    public static readonly Option<string> BackendHost = Add(Option.Backend, "backend_host", Kinds.HostPart, null,
        "Takes the place of host in host@backend#pool for this backend.", defaultMeans: "host");

    public static readonly Option<int> ReservedPercentage = Add(Option.Backend, "reserved_percentage", Kinds.Int(0, 100), "0",
        "How much of each pool is kept free.");

    public static readonly Option<double> OverSubscription = Add(Option.Backend, "max_over_subscription_ratio",
        Kinds.Number(1, "a number, at least 1 (auto is not available)"), "20.0",
        "How often the room of a pool may be promised to sparse volumes.");

    public static readonly Option<string> FilterFunction = Add(Option.Backend, "filter_function", Kinds.Expression, null,
        "Which volumes it takes, for DriverFilter: volume.size < 10. It may ask stats., capabilities., volume., extra. and qos.", defaultMeans: "all");

    public static readonly Option<string> GoodnessFunction = Add(Option.Backend, "goodness_function", Kinds.Expression, null,
        "How good it is for a volume, 0 to 100, for GoodnessWeigher: (volume.size < 5) ? 100 : 50.", defaultMeans: "0");

    public static readonly Option<string> SharesConfig = Add(Option.Backend, "glusterfs_shares_config", Kinds.FullPath, "/etc/cinder/glusterfs_shares",
        "gluster: the file that lists the shares, a HOST:/VOLUME a line, each a pool. Read again when it changes.");

    public static readonly Option<string> MountPointBase = Add(Option.Backend, "glusterfs_mount_point_base", Kinds.FullPath, "$state_path/mnt",
        "gluster: where shares are mounted, each in a directory named by the MD5 of its line.");

    public static readonly Option<string> NasHost = Add(Option.Backend, "nas_host", Kinds.Text, null,
        "gluster: with nas_share_path, the only share, instead of the file.", old: [(null, "nas_ip")]);

    public static readonly Option<string> NasSharePath = Add(Option.Backend, "nas_share_path", Kinds.Text, null,
        "gluster: the volume on nas_host, with or without the slash before it.");

    public static readonly Option<string> NasMountOptions = Add(Option.Backend, "nas_mount_options", Kinds.Text, null,
        "gluster: how that share is mounted, as behind a share in the file: -o backupvolfile-server=other.");

    public static readonly Option<string> ProvisioningType = Add(Option.Backend, "nas_volume_prov_type", Kinds.Choice("thin", "thick"), "thin",
        "gluster, directory: thin volumes take room as they are written, thick ones at once. Unlike in the last Cinder with this driver, "
        + "thin alone does not mean qcow2: see glusterfs_qcow2_volumes.");

    public static readonly Option<bool> Sparsed = Add(Option.Backend, "glusterfs_sparsed_volumes", Kinds.Bool, "true",
        "gluster, directory: the older way to say nas_volume_prov_type = thick, with false. That one counts where both are written.");

    public static readonly Option<bool> Qcow2 = Add(Option.Backend, "glusterfs_qcow2_volumes", Kinds.Bool, "false",
        "gluster, directory: new volumes are qcow2 images instead of raw files.");

    public static readonly Option<bool> Gfapi = Add(Option.Backend, "glusterfs_use_gfapi", Kinds.Bool, "true",
        "gluster: whole files (images, backups that are restored, copies) are written by libgfapi, past the mount, where that can be, "
        + "which is quicker. With false all goes through the mount.");

    public static readonly Option<string> CloneMode = Add(Option.Backend, "clone_mode", Kinds.Choice("thin", "full"), "thin",
        "gluster, directory: with thin, snapshots, clones and volumes made of snapshots are there at once, at any size, as they stand on what they "
        + "were made of; with full they are copies. Thick volumes are always copied, and where files can be twins (reflinks) they are that.",
        defaultMeans: "thin for gluster, full for directory");

    public static readonly Option<int> MaxChainDepth = Add(Option.Backend, "max_chain_depth", Kinds.Int(1, 64), "16",
        "gluster, directory: of how many files that stand on each other a volume may consist. What would make more becomes a copy.");

    public static readonly Option<int> FlattenDepth = Add(Option.Backend, "flatten_depth", Kinds.Int(0, 64), "0",
        "gluster, directory: a volume that nobody has and that consists of this many files or more, those of others that it stands on counted, is "
        + "copied so that it stands on none of those any more; one at a time, and it gives way to whoever wants the volume. 0: none is.");

    public static readonly Option<int> FlattenRate = Add(Option.Backend, "flatten_rate", Kinds.Int(0, 1_000_000), "0",
        "gluster, directory: how many MiB a second that, and putting files together that nobody asked for, may write. 0: any number.");

    public static readonly Option<bool> ImageCache = Add(Option.Backend, "image_volume_cache_enabled", Kinds.Bool, "true",
        "gluster, directory: with clone_mode = thin, what was filled from an image is kept in its pool, and further volumes with that image are "
        + "there at once, as they stand on it. Which images a user may have is asked each time all the same.");

    public static readonly Option<int> ImageCacheCount = Add(Option.Backend, "image_volume_cache_max_count", Kinds.Int(0, 100_000), "50",
        "How many images are kept in a pool that no volume stands on any more; what was used longest ago goes first. 0: any number.");

    public static readonly Option<int> ImageCacheGb = Add(Option.Backend, "image_volume_cache_max_size_gb", Kinds.Int(0, 1_000_000), "0",
        "How many GiB such images may take in a pool together. 0: any number.");

    public static readonly Option<int> ImageCacheDays = Add(Option.Backend, "image_volume_cache_max_days", Kinds.Int(1, 3650), "30",
        "After how many days without use such an image goes, at the next one that is filled.");

    public static readonly Option<string> SecureOperations = Add(Option.Backend, "nas_secure_file_operations", Kinds.Choice("auto", "true", "false"), "auto",
        "gluster: accepted for old files' sake. Files are always handled as the user the daemon runs as.");

    public static readonly Option<string> SecurePermissions = Add(Option.Backend, "nas_secure_file_permissions", Kinds.Choice("auto", "true", "false"), "auto",
        "gluster, directory: with true, volume files have mode 0660 instead of 0666.");

    public static readonly Option<IReadOnlyList<string>> DirectoryPaths = Add(Option.Backend, "directory_paths", Kinds.FullPaths, null,
        "directory: where volumes lie; each is a pool. Has to be written for this driver.");

    static Kind<string> Authentication => new("none, noauth, keystone, basic, http_basic", (string text, out string value) =>
    {
        value = "none";
        return text switch
        {
            "none" or "noauth" => null,
            "keystone" => (value = text) is null ? "" : null,
            "basic" or "http_basic" => (value = "basic") is null ? "" : null,
            _ => "",
        };
    });

    static Option<T> Keystone<T>(string key, Kind<T> kind, string? @default, string means,
        string? defaultMeans = null, bool secret = false, (string? Section, string Key)[]? old = null) =>
        Add(Sections.Keystone, key, kind, @default, means, defaultMeans, secret, old);

    /// <summary>An option of [nova] that is read as the one of [keystone_authtoken].</summary>
    static Option<T> Nova<T>(Option<T> like, string? means = null) =>
        Add(Sections.Nova, like.Key, like.Kind, like.Default, means ?? like.Means, like.DefaultMeans, like.Secret, [.. like.Old]);

    static Kind<int> Rate => Kinds.Int(0, 1_000_000);

    static Kind<string> BelowEtc => new("an absolute path, or a name in /etc/cinder", (string text, out string value) =>
        (value = Path.Combine("/etc/cinder", text)).Contains('\0', StringComparison.Ordinal) || text.Length == 0 ? "" : null);

    /// <summary>Cinder's name of the driver that keeps backups on GlusterFS, and the older one.</summary>
    public static bool IsOnShare(string backupDriver) => backupDriver is "cinder.backup.drivers.glusterfs.GlusterfsBackupDriver" or "cinder.backup.drivers.glusterfs" or "gluster";

    static Kind<string> BackupShares => new("HOST:VOLUME", (string text, out string value) => Gluster.DirectoryBackups.WhyNoShare(value = text));

    static Kind<string> BackupDrivers => new("cinder.backup.drivers.glusterfs.GlusterfsBackupDriver, cinder.backup.drivers.posix.PosixBackupDriver, gluster, directory", (string text, out string value) =>
    {
        value = text;
        return text switch
        {
            "directory" or "clinker.directory" or "cinder.backup.drivers.posix.PosixBackupDriver" or "cinder.backup.drivers.posix" => null,
            _ when IsOnShare(text) => null,
            "cinder.backup.drivers.nfs.NFSBackupDriver" =>
                "mount the share, say where with backup_posix_path, and write directory",
            _ => "",
        };
    });

    static Kind<string> ContainerName => new("letters, digits, and . _ - between them", (string text, out string value) =>
        Drivers.BackupPlace.IsContainer(value = text) ? null : "");

    static Kind<BackupCompression> Compression => new("zlib, zstd, none (also off, no)", (string text, out BackupCompression value) =>
    {
        (value, var why) = text.ToLowerInvariant() switch
        {
            "zlib" or "gzip" => (Drivers.BackupCompression.Zlib, null),
            "zstd" => (Drivers.BackupCompression.Zstd, null),
            "none" or "off" or "no" => (Drivers.BackupCompression.None, (string?)null),
            _ => (default, ""),
        };
        return why;
    });

    static Option<int> Quota(string key, string @default, string means) => Add(Default, key, Kinds.Int(-1), @default, means + " -1: no limit.");

    static Option<T> Add<T>(string section, string key, Kind<T> kind, string? @default, string means,
        string? defaultMeans = null, bool secret = false, (string? Section, string Key)[]? old = null)
    {
        var option = new Option<T>(section, key, kind, @default, means) { DefaultMeans = defaultMeans, Secret = secret, Old = old ?? [] };
        all.Add(option);
        return option;
    }
}
