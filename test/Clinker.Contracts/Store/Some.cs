using Clinker.Drivers;
using Clinker.Host;
using Clinker.Operations;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker.Contracts.Store;

/// <summary>Records to put into a database.</summary>
static class Some
{
    static readonly Ids Ids = new();

    /// <summary>Whole microseconds, as the databases keep them.</summary>
    public static readonly DateTime Time = new DateTime(2026, 2, 28, 23, 59, 58, DateTimeKind.Utc).AddMicroseconds(123456);

    public static string Id() => Ids.New();

    public static Volume Volume(string project = "p", int sizeGb = 1, string status = VolumeStatus.Available, string? type = null) => new()
    {
        Id = Id(),
        ProjectId = project,
        UserId = "u",
        SizeGb = sizeGb,
        Status = status,
        VolumeTypeId = type,
        AvailabilityZone = "nova",
        CreatedAt = Time,
    };

    public static VolumeType Type(string name) => new() { Id = Id(), Name = name, CreatedAt = Time };

    public static PoolReport Pool(string name, double totalGb = 100, bool thin = true, double ratio = 1, string? down = null) =>
        new(name, down, totalGb, totalGb, thin, 0, ratio, new Dictionary<string, string> { ["color"] = "red" });

    public static BackendReport Report(params IReadOnlyList<PoolReport> pools) => new("fast", "file", "Clinker", "1", pools);

    public static Task Start(this OperationTable operations, string id, string queue, params IEnumerable<About> holding) =>
        operations.Start(id, new CreateVolume("v-" + id), queue, "p", "req-1", holding);
}
