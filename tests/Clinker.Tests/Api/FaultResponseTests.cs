using Clinker.Operations;
using Clinker.Server.Api;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Clinker.Tests.Api;

/// <summary>Who is told what of a fault.</summary>
public sealed class FaultResponseTests
{
    public static TheoryData<Fault, int, string> Faults => new()
    {
        { new Fault.NoValidBackend("h@hidden#p: it is full."), 400, "No valid backend was found." },
        { new Fault.BackendDown("hidden", "brick 2 is away"), 503, "The backend is down." },
        { new Fault.ShareFull("hidden"), 500, "The backend is full." },
        { new Fault.DriverFailed("fill the volume", "/hidden is no directory"), 500, "The driver could not fill the volume." },
        { new Fault.HostGone("hidden"), 500, "The host that was to do it is down and did not take the work in time." },
        { new Fault.Misconfigured("Backend hidden has no directory"), 500, "The service is misconfigured; its operator can find out how." },
    };

    [Theory, MemberData(nameof(Faults))]
    public void Only_admins_are_told_of_backends_hosts_and_paths(Fault fault, int status, string words)
    {
        Assert.Equal((status, words), Told(fault, toAdmin: false));
        Assert.Equal((status, fault.Message), Told(fault, toAdmin: true));
        Assert.Contains("hidden", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_what_is_his_everybody_is_told_all()
    {
        foreach (var fault in (Fault[])[new Fault.NotFound("Volume", "v"), new Fault.Invalid("why"), new Fault.DriverFailed("extend", "detach it first.") { NamesNothing = true }])
            Assert.Equal(fault.Message, Told(fault, toAdmin: false).Words);
    }

    static (int Status, string Words) Told(Fault fault, bool toAdmin)
    {
        using var answer = new AnswerBuffer();
        var status = FaultResponses.Write(new DefaultHttpContext(), fault.Thrown(), answer, toAdmin);
        using var body = new MemoryStream();
        var writer = System.IO.Pipelines.PipeWriter.Create(body);
        answer.CopyTo(writer);
        writer.Complete();
        using var json = System.Text.Json.JsonDocument.Parse(body.ToArray());
        return (status, json.RootElement.EnumerateObject().Single().Value.GetProperty("message").GetString()!);
    }
}
