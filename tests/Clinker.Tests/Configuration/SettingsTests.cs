using System.Net;
using Clinker.Server.Configuration;
using Xunit;

namespace Clinker.Tests.Configuration;

public sealed class SettingsTests
{
    const string HowTo = """
        [DEFAULT]
        volume_driver = cinder.volume.drivers.glusterfs.GlusterfsDriver
        glusterfs_shares_config = /etc/cinder/shares.conf
        glusterfs_mount_point_base = /var/lib/cinder/volumes

        """;

    [Fact]
    public void Backups_are_kept_where_it_is_written()
    {
        const string Start = "[DEFAULT]\nvolume_driver = memory\nstate_path = /s\n";
        Assert.Null(Given.Of(Start).Backups);
        Assert.Equal(new BackupSettings("/s/backup", "backups", Clinker.Drivers.BackupCompression.Zlib),
            Given.Of(Start + "backup_driver = cinder.backup.drivers.posix.PosixBackupDriver\n").Backups);
        Assert.Equal(new BackupSettings("/b", "c", Clinker.Drivers.BackupCompression.None),
            Given.Of(Start + "backup_driver = directory\nbackup_posix_path = /b/\nbackup_container = c\nbackup_compression_algorithm = none\n").Backups);
        Assert.Equal(new BackupSettings("/s/backup_mount", "backups", Clinker.Drivers.BackupCompression.Zlib) { Share = "gfs1:backups -o log-level=WARNING" },
            Given.Of(Start + "backup_driver = cinder.backup.drivers.glusterfs.GlusterfsBackupDriver\nglusterfs_backup_share = gfs1:backups -o log-level=WARNING\n").Backups);
        Assert.Contains("need a share", Assert.Single(Given.Wrong(Start + "backup_driver = cinder.backup.drivers.glusterfs\n")), StringComparison.Ordinal);
        Assert.Contains("begins with a dash", Assert.Single(Given.Wrong(Start + "backup_driver = gluster\nglusterfs_backup_share = -o:x\n")), StringComparison.Ordinal);
        Assert.Contains("mount the share", Assert.Single(Given.Wrong(Start + "backup_driver = cinder.backup.drivers.nfs.NFSBackupDriver\n")), StringComparison.Ordinal);
        Assert.Contains("accepted: cinder.backup.drivers.glusterfs", Assert.Single(Given.Wrong(Start + "backup_driver = cinder.backup.drivers.swift.SwiftBackupDriver\n")), StringComparison.Ordinal);
        Assert.Contains("accepted: letters", Assert.Single(Given.Wrong(Start + "backup_driver = directory\nbackup_container = a/b\n")), StringComparison.Ordinal);
        Assert.Contains("accepted: zlib, zstd, none", Assert.Single(Given.Wrong(Start + "backup_driver = directory\nbackup_compression_algorithm = bzip2\n")), StringComparison.Ordinal);
        using var given = new Given();
        var file = given.Write("c.conf", Start + "backup_driver = directory\n");
        Assert.Null(given.Settings("--role", "api,scheduler", "--config-file", file).Backups);
        Assert.NotNull(given.Settings("--role", "volume", "--config-file", file).Backups);
        Assert.Equal((Roles.Backup, 0), (given.Settings("--role", "backup", "--config-file", file).Roles, given.Settings("--role", "backup", "--config-file", file).Backends.Count));
        Assert.Contains("needs to know where backups are kept", Assert.Single(given.Errors("--role", "backup", "--config-file", given.Write("d.conf", Start))), StringComparison.Ordinal);
    }

    [Fact]
    public void Takes_the_how_to_s_three_keys_as_they_are()
    {
        using var given = new Given();
        given.Write("etc/cinder.conf", HowTo);
        var settings = given.Settings();
        var backend = Assert.IsType<BackendSettings.Gluster>(Assert.Single(settings.Backends));
        Assert.Equal(("stor1", "GlusterFS", "GlusterFS"), (backend.Host, backend.Name, backend.VolumeBackendName));
        Assert.Equal(("/etc/cinder/shares.conf", "/var/lib/cinder/volumes"), (backend.SharesConfig, backend.MountPointBase));
        Assert.Equal((false, false, false), (backend.Thick, backend.Qcow2, backend.SecureFilePermissions));
        Assert.False(settings.Embedded);
        Assert.Equal([given.Default], settings.Files);
        Assert.Equal(new DatabaseUrl.Sqlite("/var/lib/cinder/clinker.sqlite"), settings.Database);
        Assert.Equal("127.0.0.1:8776", settings.Api.Listen.ToString());
        Assert.Equal((10, 1000, -1), (settings.Quotas.Volumes, settings.Quotas.Gigabytes, settings.Quotas.PerVolumeGigabytes));
        Assert.Equal((114688, 1000), (settings.Api.MaxBodyBytes, settings.Api.MaxLimit));
        Assert.Equal(("nova", "nova", "__DEFAULT__"), (settings.Zones.Storage, settings.Zones.Default, settings.DefaultVolumeType));
        Assert.Empty(settings.Notes);
    }

    [Fact]
    public void Reads_backends_from_their_sections_and_what_they_share()
    {
        var settings = Given.Of("""
            [DEFAULT]
            enabled_backends = fast,Slow , ram
            state_path = /srv/vol
            host = alpha
            reserved_percentage = 50
            [backend_defaults]
            volume_driver = gluster
            reserved_percentage = 5
            [fast]
            glusterfs_shares_config = $state_path/${volume_backend_name}.shares
            volume_backend_name = gold
            nas_volume_prov_type = THICK
            [slow]
            volume_driver = directory
            directory_paths = /a, /b/,
            reserved_percentage = 7
            glusterfs_qcow2_volumes = yes
            backend_host = cluster1
            max_over_subscription_ratio = 1.5
            [ram]
            volume_driver = memory
            """);
        Assert.Equal(["alpha@fast", "cluster1@Slow", "alpha@ram"], settings.Backends.Select(b => $"{b.Host}@{b.Name}"));
        var fast = Assert.IsType<BackendSettings.Gluster>(settings.Backends[0]);
        Assert.Equal(("/srv/vol/gold.shares", "/srv/vol/mnt", 5, true), (fast.SharesConfig, fast.MountPointBase, fast.ReservedPercentage, fast.Thick));
        var slow = Assert.IsType<BackendSettings.Directory>(settings.Backends[1]);
        Assert.Equal(["/a", "/b"], slow.Paths);
        Assert.Equal((7, 1.5, true, "directory"), (slow.ReservedPercentage, slow.MaxOverSubscriptionRatio, slow.Qcow2, slow.VolumeBackendName));
        Assert.IsType<BackendSettings.Memory>(settings.Backends[2]);
        Assert.Contains("belong into a backend's section", Assert.Single(settings.Notes), StringComparison.Ordinal);
        Assert.Contains("c.conf:5 reserved_percentage", settings.Notes[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("glusterfs_sparsed_volumes = False", true)]
    [InlineData("glusterfs_sparsed_volumes = True", false)]
    [InlineData("nas_volume_prov_type = thin\nglusterfs_sparsed_volumes = False", false)]
    [InlineData("nas_volume_prov_type = thick", true)]
    public void Knows_both_ways_to_say_thick(string lines, bool thick) =>
        Assert.Equal(thick, ((BackendSettings.Gluster)Given.Of(HowTo + lines).Backends[0]).Thick);

    [Theory]
    [InlineData("true", true)]
    [InlineData("True", true)]
    [InlineData("auto", false)]
    [InlineData("false", false)]
    public void Secure_permissions_only_when_true(string word, bool secure) =>
        Assert.Equal(secure, ((BackendSettings.Gluster)Given.Of(HowTo + "nas_secure_file_permissions = " + word).Backends[0]).SecureFilePermissions);

    [Fact]
    public void The_backend_of_DEFAULT_is_called_by_its_backend_name() =>
        Assert.Equal("gold", Given.Of(HowTo + "volume_backend_name = gold").Backends[0].Name);

    [Fact]
    public void Tells_all_wrong_values_at_once_with_file_line_and_what_is_accepted()
    {
        var errors = Given.Wrong(HowTo + """
            osapi_volume_listen_port = 99999
            quota_volumes = many
            report_interval =
            allow_availability_zone_fallback = perhaps
            reserved_percentage = 101
            nas_volume_prov_type = True
            max_over_subscription_ratio = auto
            volume_name_template = volume
            scheduler_default_filters = CapacityFilter,RandomFilter
            glusterfs_shares_config = shares.conf
            [database]
            connection = mysql+pymysql://cinder:sesame@db/cinder
            [oslo_middleware]
            max_request_body_size = 0
            """);
        Assert.Contains("c.conf:5: [DEFAULT] osapi_volume_listen_port = 99999: accepted: a whole number from 0 to 65535", errors);
        Assert.Contains("c.conf:6: [DEFAULT] quota_volumes = many: accepted: a whole number, at least -1", errors);
        Assert.Contains(errors, e => e.StartsWith("c.conf:7: [DEFAULT] report_interval = : accepted: seconds", StringComparison.Ordinal));
        Assert.Contains(errors, e => e.StartsWith("c.conf:8: ", StringComparison.Ordinal) && e.Contains("true, false", StringComparison.Ordinal));
        Assert.Contains(errors, e => e.StartsWith("c.conf:9: ", StringComparison.Ordinal));
        Assert.Contains("c.conf:10: [DEFAULT] nas_volume_prov_type = True: accepted: thin, thick", errors);
        Assert.Contains(errors, e => e.StartsWith("c.conf:11: ", StringComparison.Ordinal));
        Assert.Contains(errors, e => e.StartsWith("c.conf:12: ", StringComparison.Ordinal));
        Assert.Contains(errors, e => e.Contains("\"RandomFilter\" is not known here", StringComparison.Ordinal));
        Assert.Contains("c.conf:14: [DEFAULT] glusterfs_shares_config = shares.conf: accepted: an absolute path", errors);
        var database = Assert.Single(errors, e => e.Contains("MySQL", StringComparison.Ordinal));
        Assert.StartsWith("c.conf:16: [database] connection = ***: ", database, StringComparison.Ordinal);
        Assert.Contains(errors, e => e.StartsWith("c.conf:18: ", StringComparison.Ordinal));
        Assert.Equal(12, errors.Count);
        Assert.DoesNotContain(errors, e => e.Contains("sesame", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("auth_strategy = Kerberos", "accepted: none, noauth, keystone, basic, http_basic")]
    [InlineData("osapi_volume_listen = 0.0.0.0", "whoever reaches 0.0.0.0 may do everything")]
    [InlineData("osapi_volume_listen = $my_ip", "whoever reaches 10.0.0.7 may do everything")]
    [InlineData("enabled_backends = lvm", "there is no section [lvm]")]
    [InlineData("enabled_backends = a\n[a]\nvolume_driver = cinder.volume.drivers.lvm.LVMVolumeDriver", "of Cinder's drivers only that of GlusterFS is here")]
    [InlineData("enabled_backends = a\n[a]", "backend a has none")]
    [InlineData("enabled_backends = a\n[a]\nvolume_driver = directory", "[a] directory_paths: backend a is a directory, and it is not written which")]
    [InlineData("enabled_backends = a,A\n[a]\nvolume_driver = memory", "\"a\" stands there twice")]
    [InlineData("enabled_backends = DEFAULT", "[DEFAULT] is not a backend's section")]
    [InlineData("enabled_backends = a@b", "\"a@b\" is not such a name")]
    [InlineData("nas_host = gfs1", "the other one is missing")]
    [InlineData("volume_backend_name = a b", "it is also the backend's name")]
    [InlineData("state_path = $nowhere/x", "$nowhere names no option")]
    [InlineData("state_path = /a\nlog_dir = $state_path.x", "$state_path.x names no option (write $$ for a dollar sign itself, or ${state_path}.x if")]
    [InlineData("log_file = volume.log", "there is no log_dir for it to lie in")]
    public void Refuses_what_can_not_be_meant(string lines, string words) =>
        Assert.Contains(words, Assert.Single(Given.Wrong(HowTo + lines)), StringComparison.Ordinal);

    [Fact]
    public void A_circle_of_names_ends()
    {
        var errors = Given.Wrong(HowTo + "state_path = $log_dir\nlog_dir = $state_path");
        Assert.Equal(["c.conf:5", "c.conf:6"], errors.Select(e => e[..8]).Order());
        Assert.All(errors, e => Assert.Contains("refers to itself", e, StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_without_any_backend_says_what_to_write()
    {
        var error = Assert.Single(Given.Wrong("[DEFAULT]\nhost = a\n"));
        Assert.Contains("volume_driver = cinder.volume.drivers.glusterfs.GlusterfsDriver", error, StringComparison.Ordinal);
        Assert.Contains("it names none", Assert.Single(Given.Wrong("[DEFAULT]\nenabled_backends =\n")), StringComparison.Ordinal);
        using var given = new Given();
        Assert.Empty(given.Settings("--role", "api,scheduler", "--config-file", given.Write("c.conf", "[DEFAULT]\n")).Backends);
    }

    [Fact]
    public void Notes_once_what_it_ignores()
    {
        using var given = new Given();
        var first = given.Write("first.conf", HowTo + "rpc_backend = rabbit\nlvm_type = thin\n[placement]\npassword = sesame\nauth_endpoint = x\n[default]\ndebug = true\n");
        var second = given.Write("second.conf", "[DATABASE]\nmax_retries = 3\n[nfs1]\nvolume_driver = x\n");
        var note = Assert.Single(given.Settings("--config-file", first, "--config-file", second).Notes);
        Assert.Equal(
            $"ignored, since there is no such option here: {first}:7 [placement], {first}:10 [default] (not [DEFAULT]), "
            + $"{first}:5 rpc_backend, {first}:6 lvm_type, {second}:3 [nfs1], {second}:2 [DATABASE] max_retries", note);
    }

    [Fact]
    public void Older_names_are_read_and_noted()
    {
        using var given = new Given();
        var file = given.Write("c.conf", HowTo + "logdir = /var/log/cinder\nnas_ip = gfs1\nnas_share_path = /v\nsql_connection = sqlite:////x.db\nosapi_max_request_body_size = 5\n");
        var settings = given.Settings("--config-file", file);
        Assert.Equal("/var/log/cinder", settings.Logs.Directory);
        Assert.Equal("gfs1", ((BackendSettings.Gluster)settings.Backends[0]).NasHost);
        Assert.Equal(new DatabaseUrl.Sqlite("/x.db"), settings.Database);
        Assert.Equal(5, settings.Api.MaxBodyBytes);
        Assert.Equal(4, settings.Notes.Count);
        Assert.Contains($"{file}:5: [DEFAULT] logdir is the older name of [DEFAULT] log_dir", settings.Notes);
        Assert.Contains($"{file}:8: [DEFAULT] sql_connection is the older name of [database] connection", settings.Notes);
    }

    [Fact]
    public void What_is_read_later_wins_and_the_command_line_last()
    {
        using var given = new Given();
        var first = given.Write("first.conf", HowTo + "quota_volumes = 1\nquota_volumes = 2\nquota_groups = 1\nosapi_volume_listen_port = 1\n");
        given.Write("d/20.conf", "[DEFAULT]\nquota_volumes = 4\n");
        given.Write("d/10.conf", "[DEFAULT]\nquota_volumes = 3\nquota_snapshots = 3\n");
        given.Write("d/30.conf.off", "[DEFAULT]\nquota_volumes = 5\n");
        var settings = given.Settings("--config-file", first, "--config-dir", Path.Combine(given.Root, "d"), "--listen", "[::1]:77", "--debug");
        Assert.Equal((4, 3, 1), (settings.Quotas.Volumes, settings.Quotas.Snapshots, settings.Quotas.Groups));
        Assert.Equal(new IPEndPoint(IPAddress.IPv6Loopback, 77), settings.Api.Listen);
        Assert.True(settings.Logs.Debug);
    }

    [Fact]
    public void A_service_is_not_down_between_two_signs_of_life()
    {
        var settings = Given.Of(HowTo + "report_interval = 100\n");
        Assert.Equal(TimeSpan.FromSeconds(250), settings.ServiceDownTime);
        Assert.Contains("service_down_time has to be longer", Assert.Single(settings.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_dollar_sign_is_an_option_s_value_or_itself()
    {
        var settings = Given.Of(HowTo + """
            state_path = /srv/$${x}
            my_own = one
            default_volume_type = $my_own-${quota_groups}.${my_ip}-$database.connection-\$1-$5-${-$
            [database]
            connection = sqlite:///$state_path/${my_own}.db
            """);
        Assert.Equal("/srv/${x}", settings.StatePath);
        Assert.Equal("one-10.10.0.0.7-sqlite:////srv/${x}/one.db-$1-$5-${-$", settings.DefaultVolumeType);
        Assert.Equal(new DatabaseUrl.Sqlite("/srv/${x}/one.db"), settings.Database);
        Assert.Empty(settings.Notes);
    }

    [Fact]
    public void Reads_what_lists_may_be_filtered_by()
    {
        using var given = new Given();
        var file = given.Write("filters.json", """{"volume": ["name~", "status"], "snapshot": []}""");
        string Conf(string value) => given.Write("c.conf", $"{HowTo}\nresource_query_filters_file = {value}\n");
        var filters = given.Settings("--config-file", Conf(file)).ResourceFilters!;
        Assert.Equal(["name~", "status"], filters["volume"]);
        Assert.Empty(filters["snapshot"]);
        Assert.Null(Given.Of(HowTo).ResourceFilters);
        foreach (var wrong in (string[])["[]", "{\"volume\": 1}", "{\"volume\": [1]}", "{"])
            Assert.Contains("it holds no JSON object", Assert.Single(given.Errors("--config-file", Conf(given.Write("wrong.json", wrong)))), StringComparison.Ordinal);
        Assert.Contains("it can't be read", Assert.Single(given.Errors("--config-file", Conf("/nowhere/filters.json"))), StringComparison.Ordinal);
        Assert.Contains("the absolute path of a JSON file", Assert.Single(given.Errors("--config-file", Conf("filters.json"))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "streamOptimized,monolithicSparse")]
    [InlineData("vmdk_allowed_types = monolithicSparse", "monolithicSparse")]
    [InlineData("vmdk_allowed_types =", "")]
    public void Reads_which_kinds_of_VMDK_are_taken(string line, string expected) =>
        Assert.Equal(expected, string.Join(',', Given.Of($"{HowTo}\n{line}\n").Images.Conversion.VmdkTypes));

    [Fact]
    public void A_kind_of_VMDK_that_is_several_files_is_an_error() =>
        Assert.Contains("\"monolithicFlat\" is not known here", Assert.Single(Given.Wrong($"{HowTo}\nvmdk_allowed_types = streamOptimized, monolithicFlat\n")), StringComparison.Ordinal);
}
