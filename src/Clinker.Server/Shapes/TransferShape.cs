using Clinker.Server.Api;
using Clinker.Transfers;

namespace Clinker.Server.Shapes;

/// <summary>A transfer in full (cinder/api/views/transfers.py, detail). Those that were accepted are not there to be looked at.</summary>
abstract record TransferInFull
{
    protected TransferInFull(Transfer transfer, Hyperlinks.Place place)
    {
        Id = transfer.Id;
        CreatedAt = transfer.CreatedAt;
        Name = transfer.Name;
        VolumeId = transfer.VolumeId;
        Links = new Links(place, transfer.Id);
        NoSnapshots = transfer.NoSnapshots;
        SourceProjectId = transfer.ProjectId;
    }

    public string Id { get; }
    public DateTime CreatedAt { get; }
    public string? Name { get; }
    public string VolumeId { get; }
    public Links Links { get; }
    [Since(55)] public bool NoSnapshots { get; }
    [Since(57)] public string? DestinationProjectId { get; }
    [Since(57)] public string SourceProjectId { get; }
    [Since(57)] public bool Accepted { get; }
}

/// <summary>A transfer as it is looked at.</summary>
sealed record TransferShape : TransferInFull, IShape<TransferShape>
{
    public TransferShape(Transfer transfer, Hyperlinks.Place place) : base(transfer, place)
    {
    }

    public static string One => "transfer";
    public static string Many => "transfers";
}

/// <summary>A transfer as the answer to its creation: the only time that the key is shown.</summary>
sealed record TransferCreated : TransferInFull, IShape<TransferCreated>
{
    public TransferCreated(Transfer transfer, string key, Hyperlinks.Place place) : base(transfer, place) => AuthKey = key;

    public static string One => "transfer";
    public static string Many => "transfers";

    public string AuthKey { get; }
}

/// <summary>A transfer in a short list, and as the answer to its being accepted.</summary>
sealed record TransferBrief(string Id, string VolumeId, string? Name, Links Links) : IShape<TransferBrief>
{
    public static string One => "transfer";
    public static string Many => "transfers";

    public static TransferBrief Of(Transfer transfer, Hyperlinks.Place place) =>
        new(transfer.Id, transfer.VolumeId, transfer.Name, new Links(place, transfer.Id));
}
