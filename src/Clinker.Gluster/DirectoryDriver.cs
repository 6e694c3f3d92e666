using Clinker.Drivers;
using Clinker.Operations;
using Microsoft.Extensions.Logging;

namespace Clinker.Gluster;

/// <summary>Volumes as files in any directory: a local disk, or whatever the operator has mounted there.</summary>
public sealed class DirectoryDriver : FileDriver
{
    readonly List<DirectoryPlace> places = [];

    /// <exception cref="FaultException">No path, or one that is not absolute.</exception>
    public DirectoryDriver(string backend, DirectoryOptions options, TimeProvider time, ILogger log) : base(backend, options, time, log)
    {
        if (options.Paths.Count == 0)
            throw new Fault.Misconfigured($"Backend {backend} has no directory to keep volumes in: name at least one.").Thrown();
        foreach (var path in options.Paths)
        {
            if (!Path.IsPathRooted(path))
                throw new Fault.Misconfigured($"Backend {backend}: the directory '{path}' must be an absolute path.").Thrown();
            places.Add(new DirectoryPlace(
                options.Paths.Count == 1 ? backend : path, path, new Lane($"storage {path}", options.ThreadsPerPool, time), options.ActDeadline));
        }
    }

    private protected override string StorageProtocol => "file";
    private protected override string DefaultBackendName => Backend;

    internal override ValueTask<IReadOnlyList<Place>> Places(CancellationToken token) => new(places);

    private protected override ValueTask<Place> PlaceOf(string? pool, string? location, CancellationToken token) =>
        new(places.Find(p => p.Name == pool) ?? throw new Fault.BackendDown(
            Backend, $"it has no directory called {pool} now; its pools are {string.Join(", ", places.Select(p => p.Name))}.").Thrown());

    // os-brick's connector for a file or device that is on the host already (brick/initiator/connectors/local.py).
    private protected override ConnectionInfo Connection(Place place, string name, VolumeFormat format) =>
        new("local", Json(w => w.WriteString("device_path", Path.Combine(places.Find(p => p == place)!.Path, name))));

    private protected override bool AllReflink => places.TrueForAll(p => p.Reflinks);

    public override async ValueTask DisposeAsync()
    {
        foreach (var place in places) await place.DisposeAsync();
        await base.DisposeAsync();
    }
}
