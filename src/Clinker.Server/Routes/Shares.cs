using System.Text.Json;
using Clinker.Managing;
using Clinker.Server.Api;
using Clinker.Server.Shapes;

namespace Clinker.Server.Routes;

/// <summary>Whether what lies in a pool is what is remembered of it. Ours: Cinder has no such thing, so no microversion brought it.</summary>
static class Shares
{
    public static void Map(RouteTable api) =>
        api.Post("share_check", "/shares/check", ShareCheck.Form, Check, rule: "clinker:shares:check", success: 200);

    /// <summary>A pool may have any number of files, and each is opened.</summary>
    static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    static async Task<Page<FindingShape>> Check(Call call, ShareCheck want)
    {
        var operation = call.Ids.New();
        await call.Db.Commit(async tx => await CheckShare.Accept(tx, new(await Manageables.PoolOf(tx, call, want.Pool), want.Repair),
            call.Caller.HasProject ? call.ProjectId : null, operation, call.RequestId));
        await call.EndOf(operation, Longest);
        return new((await call.Db.Read(tx => CheckShare.Told(tx, operation))).Select(f => new FindingShape(f)));
    }
}

/// <summary>Which pool is to be looked at.</summary>
/// <param name="Pool"><c>host@backend#pool</c>; without <c>#pool</c> where the backend has but one.</param>
/// <param name="Repair">Whether what is certain is put right; if not, nothing is changed.</param>
sealed record ShareCheck(string Pool, bool Repair)
{
    public static readonly Form<ShareCheck> Form = new(
        Must.Object(Must.Required("check", Must.Object(Must.Required("pool", Must.Text(min: 1)), Must.Optional("repair", Must.Flag)))), Read);

    static ShareCheck Read(JsonElement root)
    {
        var check = root.GetProperty("check");
        return new(check.Text("pool")!, check.Flag("repair") ?? false);
    }
}
