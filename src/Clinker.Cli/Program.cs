namespace Clinker.Cli;

internal static class Program
{
    static async Task<int> Main(string[] args)
    {
        var terminal = Terminal.OfProcess();
        try
        {
            // Environment.GetCommandLineArgs names the program as it was called: a link named openstack-config is that tool.
            var code = await CommandLine.Run(Environment.GetCommandLineArgs()[0], args, terminal);
            await terminal.Out.FlushAsync();
            return code;
        }
        catch (IOException e)
        {
            await terminal.Error.WriteLineAsync($"The output can't be written: {e.Message}");
            return CliFault.Failed;
        }
    }
}
