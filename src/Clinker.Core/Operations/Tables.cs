using Clinker.Store;

namespace Clinker.Operations;

/// <summary>Hangs the table on the transaction.</summary>
public static class OperationTables
{
    extension(Tx tx)
    {
        public OperationTable Operations => new(tx);
    }
}
