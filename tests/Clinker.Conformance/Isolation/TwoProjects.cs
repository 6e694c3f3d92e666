using System.Text.Json.Nodes;
using Clinker.Conformance.Roles;
using Xunit;

namespace Clinker.Conformance.Isolation;

/// <summary>A daemon with two projects that are not to know of each other.</summary>
public sealed class TwoProjects : Clinkerd
{
    const string Admin = "admin:admin:admin,member,reader";

    /// <summary>What the host is called: nothing that a user is told has this in it.</summary>
    public const string Host = "hidden-host";

    Tokens? tokens;

    internal override Wire Wire => new(Port) { Token = Admin };

    /// <summary>Whoever looks around.</summary>
    internal Tenant Curious { get; private set; } = null!;

    /// <summary>Whose things are to be seen by nobody else.</summary>
    internal Tenant Other { get; private set; } = null!;

    internal string GroupType { get; private set; } = "";

    internal Tables Tables { get; private set; } = null!;

    protected override string[] Configuration() => (tokens = new Tokens(FreePort())).Configure(this, $"""
        host = {Host}
        scheduler_default_filters = AvailabilityZoneFilter,CapacityFilter,CapabilitiesFilter,SameBackendFilter,DifferentBackendFilter,InstanceLocalityFilter
        """);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Tables = new Tables(Database);
        GroupType = (string)(await Made("group_types", """{"group_type": {"name": "of all"}}"""))["group_type"]!["id"]!;
        await Made("types", """{"volume_type": {"name": "nowhere", "extra_specs": {"volume_backend_name": "no such backend"}}}""");
        Curious = new Tenant(this, Wire, "member");
        Other = new Tenant(this, Wire, "member");
        foreach (var tenant in (Tenant[])[Other, Curious])
        {
            await tenant.Make();
            await tenant.Make();
        }
        await Other.MakeByAdmin();
        await Tables.AtRest();
    }

    async Task<JsonNode> Made(string collection, string body)
    {
        var answer = await Wire.Send("POST", $"/v3/{collection}", body, "3.71");
        Assert.True(answer.Status is 200 or 202, answer.Text);
        return answer.Json;
    }

    public override async ValueTask DisposeAsync()
    {
        Tables?.Dispose();
        await base.DisposeAsync();
        if (tokens is not null) await tokens.DisposeAsync();
    }
}
