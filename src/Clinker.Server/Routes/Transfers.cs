using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using Clinker.Transfers;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>
/// Volumes that change hands (cinder/api/v3/volume_transfer.py), under today's path and the older one
/// (cinder/api/contrib/volume_transfer.py), which knows neither <c>no_snapshots</c> nor pages.
/// </summary>
static class Transfers
{
    static readonly Filterable Filterable = new("transfer",
        new("id", "id"),
        new("name", "name", FilterKind.Verbatim),
        new("display_name", "name", FilterKind.Verbatim),
        new("volume_id", "volume_id"),
        new("no_snapshots", "no_snapshots", FilterKind.Flag),
        new("source_project_id", "project_id"),
        new("created_at", "created_at"))
    {
        ForEveryone = true,
    };

    public static void Map(RouteTable api)
    {
        Map(api, "transfer", "/volume-transfers", TransferOffer.Form, pages: true);
        Map(api, "os_transfer", "/os-volume-transfer", TransferOffer.OldForm, pages: false);
    }

    static void Map(RouteTable api, string noun, string path, Form<TransferOffer> offer, bool pages)
    {
        api.Get($"{noun}_list", path, call => List(call, pages, (t, place) => TransferBrief.Of(t, place)), rule: "volume:get_all_transfers",
            query: pages ? Parameters.List(Filterable, pagesSince: Behaviour.TransferPaging) : Parameters.Filtered(Filterable));
        api.Get($"{noun}_list_detail", path + "/detail", call => List(call, pages, (t, place) => new TransferShape(t, place)),
            rule: "volume:get_all_transfers",
            query: pages ? Parameters.List(Filterable, pagesSince: Behaviour.TransferPaging) : Parameters.Filtered(Filterable));
        api.Post($"{noun}_create", path, offer, Create, rule: Row("volume:create_transfer"));
        api.Get($"{noun}_show", path + "/{id}", Show, rule: Row("volume:get_transfer"));
        api.Delete($"{noun}_delete", path + "/{id}", Delete, rule: Row("volume:delete_transfer"));
        api.Post($"{noun}_accept", path + "/{id}/accept", Key, Accept, rule: "volume:accept_transfer");
    }

    static readonly Form<string> Key = new(
        Must.Object(Must.Required("accept", Must.Object(Must.Required("auth_key", Must.TextOrInteger)))),
        root => root.GetProperty("accept").GetProperty("auth_key").ToString());

    static async Task<Page<T>> List<T>(Call call, bool pages, Func<Transfer, Hyperlinks.Place, T> shape) where T : IShape<T>
    {
        var paged = pages && call.Supports(Behaviour.TransferPaging);
        var query = ListFilters.Read(call, Filterable);
        if (!paged) query = query with { Sort = [new("created_at", false), new("id", false)], Limit = call.Settings.MaxLimit, Offset = 0, Marker = null };
        var found = await call.Db.Read(tx => tx.Transfers.List(query));
        var place = Place(call);
        var next = paged && found.Count > 0 && found.Count >= query.Limit
            ? call.Links.Next(call, call.Route!.Path[1..], found[^1].Id) : null;
        return new(found.Select(t => shape(t, place)), next);
    }

    static async Task<TransferCreated> Create(Call call, TransferOffer want)
    {
        var key = TransferKey.New();
        var transfer = await call.Db.Commit(async tx =>
        {
            var volume = await Volumes.Visible(tx, call, want.VolumeId);
            call.Demand("volume:create_transfer", volume.ProjectId, volume.UserId);
            var offered = new Transfer(
                call.Ids.New(), volume.ProjectId, volume.Id, want.Name, key.Salt, key.KeyHash, want.NoSnapshots, tx.Now);
            await tx.Transfers.Offer(offered, mayBeEncrypted: call.Supports(Behaviour.TransferOfEncrypted));
            return offered;
        });
        return new(transfer, key.Key, Place(call));
    }

    static async Task<TransferShape> Show(Call call, string id) =>
        new(await call.Db.Read(tx => Visible(tx, call, id)), Place(call));

    static Task Delete(Call call, string id) => call.Db.Commit(async tx =>
    {
        var transfer = await Visible(tx, call, id);
        call.Demand("volume:delete_transfer", transfer.ProjectId);
        await tx.Transfers.Withdraw(id);
    });

    /// <summary>Whoever has the key may: it is another project's transfer.</summary>
    static async Task<TransferBrief> Accept(Call call, string id, string key) => TransferBrief.Of(
        await call.Db.Commit(tx => tx.Transfers.Accept(id, key, call.ProjectId, call.Caller.UserId, call.Settings.Quotas)), Place(call));

    /// <summary>The transfer, if the caller may know that it exists.</summary>
    /// <exception cref="FaultException">NotFound.</exception>
    static async Task<Transfer> Visible(Tx tx, Call call, string id) =>
        await tx.Transfers.Find(id) is { } transfer && call.Allows("volume:get_transfer", transfer.ProjectId)
            ? transfer
            : throw new Fault.NotFound("Transfer", id).Thrown();

    /// <summary>Upstream's links all lead to the older path.</summary>
    static Hyperlinks.Place Place(Call call) => call.Links.Of("os-volume-transfer");
}

/// <summary>Which volume is offered.</summary>
sealed record TransferOffer(string VolumeId, string? Name, bool NoSnapshots)
{
    static readonly Field[] Fields = [Must.Required("volume_id", Must.Uuid), Must.Optional("name", Must.FilledOrNull)];

    public static readonly Form<TransferOffer> OldForm = new(Must.Object(Must.Required("transfer", Must.Object(Fields))), Read);

    public static readonly Form<TransferOffer> Form = new(Must.Object(Must.Required("transfer", Must.Object(
        [.. Fields, Must.Optional("no_snapshots", Must.Flag, since: Behaviour.TransferOfSnapshots)]))), Read);

    static TransferOffer Read(JsonElement root)
    {
        var t = root.GetProperty("transfer");
        return new(t.Text("volume_id")!, t.Text("name")?.Trim(), t.Flag("no_snapshots") ?? false);
    }
}
