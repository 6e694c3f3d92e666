using Clinker.Operations;
using Clinker.Services;
using Clinker.Store;

namespace Clinker.Server.Seeing;

/// <summary>What /healthcheck looks at. A balancer takes a daemon away that is not well: so only what every request needs counts.</summary>
static class HealthChecks
{
    public static HealthCheck Database(Database db) => new("database", async _ =>
    {
        try
        {
            await db.Read(tx => tx.Number($"select 1"));
            return null;
        }
        catch (FaultException)
        {
            return "the database does not answer"; // where it is, and why, is for the log
        }
    });

    /// <summary>Whether a pool of the backend serves. With all of them down the API is as well as ever.</summary>
    /// <param name="service">Its <c>host@backend</c>.</param>
    /// <param name="downTime">After which silence it counts as down.</param>
    public static HealthCheck Backend(Database db, string name, string service, TimeSpan downTime) => new($"backend {name}", _ => db.Read(async tx =>
        await tx.Services.Find(service, ServiceTable.VolumeBinary) switch
        {
            null => "it has not reported yet",
            { UpdatedAt: var last } when tx.Now - last > downTime => $"it has not reported for {(tx.Now - last).TotalSeconds:0} s",
            { BackendDown: not null } => "no pool of it serves",
            _ => null,
        }), IsDetail: true);
}
