using System.Globalization;

namespace Clinker.Live;

/// <summary>What random walks have in common.</summary>
static class Walks
{
    /// <summary>A number of the environment.</summary>
    public static int Number(string name, int otherwise) =>
        int.Parse(Environment.GetEnvironmentVariable(name) ?? $"{otherwise}", CultureInfo.InvariantCulture);

    /// <summary>Settings by which nothing but the depth of chains is bounded.</summary>
    public static string Settings(bool qcow2, int maxDepth) => $"""
        glusterfs_qcow2_volumes = {qcow2}
        max_chain_depth = {maxDepth}
        max_over_subscription_ratio = 1000
        quota_snapshots = -1
        quota_backups = -1
        quota_backup_gigabytes = -1
        backup_driver = directory
        """;
}
