namespace Clinker.Conformance.Roles;

sealed partial class Tokens
{
    /// <summary>Writes what makes a daemon ask here who its callers are; its arguments.</summary>
    /// <param name="more">Further options of <c>[DEFAULT]</c>.</param>
    public string[] Configure(Clinkerd daemon, string more = "")
    {
        var (file, volumes) = (Path.Combine(daemon.State, "cinder.conf"), Path.Combine(daemon.State, "volumes"));
        File.WriteAllText(file, $"""
            [DEFAULT]
            auth_strategy = keystone
            state_path = {daemon.State}
            enabled_backends = {Backend}
            quota_volumes = -1
            quota_snapshots = -1
            quota_gigabytes = -1
            quota_groups = -1
            backup_driver = directory
            quota_backups = -1
            quota_backup_gigabytes = -1
            {more}
            [database]
            connection = sqlite:///{daemon.Database}
            {Section(Port)}
            www_authenticate_uri = http://identity.example.org
            [{Backend}]
            volume_driver = directory
            directory_paths = {volumes}
            """);
        Directory.CreateDirectory(volumes);
        return ["--config-file", file];
    }

    /// <summary>What the backend is called: nothing that a user is told has this in it.</summary>
    public const string Backend = "hidden-backend";
}
